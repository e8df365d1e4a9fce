"""Wraps the prose of every Markdown file at 120 characters: `python -m deploy.site.wrap`; `--check` only reports.

Tables, code blocks, headings, comments and images stay as they are.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
WIDTH = 120

FENCE = re.compile(r"\s*```")
ITEM = re.compile(r"\s*(?:[-*+]|\d+\.)\s+")
KEPT = re.compile(r"\s*(?:\||#|<|>|!\[|---)")
UNBREAKABLE = re.compile(r"`[^`]*`|\[[^\]\[]*\]\([^)]*\)")
LONGEST_UNBREAKABLE = 100
READ_AS_A_MARK = re.compile(r"[-+*#>|=]|\d+[.)]")
"""Text that would start a list, a heading or a quote at the start of a line."""


def pages() -> list[Path]:
    """Every Markdown file of the checkout but those in hidden folders, such as the environments; .github is ours."""
    folders = [one for one in CHECKOUT.iterdir() if one.is_dir() and (one.name[0] != "." or one.name == ".github")]
    return sorted([*CHECKOUT.glob("*.md"), *(page for folder in folders for page in folder.rglob("*.md"))])


def too_long(text: str) -> list[int]:
    """Numbers of the lines of prose that are longer than WIDTH."""
    found, is_code = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line):
            is_code = not is_code
        elif not is_code and not line.lstrip().startswith("|") and len(line) > WIDTH:
            found.append(number)
    return found


def wrapped(text: str) -> str:
    """A page with its paragraphs and list items filled to WIDTH."""
    lines = text.split("\n")
    made: list[str] = []
    is_code = False
    place = 0
    while place < len(lines):
        line = lines[place]
        item = ITEM.match(line)
        is_indented_code = line.startswith("    ") and not item and (place == 0 or not lines[place - 1].strip())
        if FENCE.match(line):
            is_code = not is_code
        if is_code or not line.strip() or FENCE.match(line) or KEPT.match(line) or is_indented_code:
            made.append(line)
            place += 1
            continue
        first = item[0] if item else line[: len(line) - len(line.lstrip())]
        body = [line[len(first) :].strip()]
        place += 1
        while place < len(lines) and lines[place].strip() and not _begins_a_block(lines[place]):
            body.append(lines[place].strip())
            place += 1
        made += _filled(" ".join(body), first, " " * len(first))
    return "\n".join(made)


def _begins_a_block(line: str) -> bool:
    return any(pattern.match(line) for pattern in (ITEM, FENCE, KEPT))


def _filled(text: str, first: str, indent: str) -> Iterator[str]:
    line = first
    is_empty = True
    for word in _words(text):
        if is_empty or len(line) + 1 + len(word) <= WIDTH:
            line += word if is_empty else f" {word}"
            is_empty = False
            continue
        before = ""
        if READ_AS_A_MARK.match(word) and " " in line.strip():
            # a line must not start with it: move the word before it too
            line, _, before = line.rpartition(" ")
        yield line
        line = f"{indent}{before} {word}" if before else indent + word
    yield line


def _words(text: str) -> list[str]:
    """The words of a paragraph; code and links are not split unless they are long."""
    whole = UNBREAKABLE.sub(
        lambda found: found[0].replace(" ", "\0") if len(found[0]) <= LONGEST_UNBREAKABLE else found[0], text
    )
    return [word.replace("\0", " ") for word in whole.split()]


def main(arguments: list[str]) -> int:
    """Wrap the pages with lines that are too long, or print their names.

    Returns:
        1 if `--check` found one, else 0.
    """
    found = {page: numbers for page in pages() if (numbers := too_long(page.read_text()))}
    for page, numbers in found.items():
        if "--check" in arguments:
            print(f"{page.relative_to(CHECKOUT)}: lines {', '.join(map(str, numbers))} have over {WIDTH} characters")
        else:
            page.write_text(wrapped(page.read_text()))
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
