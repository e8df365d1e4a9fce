"""The code blocks of README.md and docs/*.md, and how each is proved.

A block is run unless a comment before it says why not. Comments that the extractor knows:

- `<!-- file: NAME -->`: the block is a file of this name in the reader's folder; a source file must load.
- `<!-- not run: REASON -->`: the block is not run.
- `<!-- until output -->`: the command runs until it is stopped; it has to write something.
"""

import re
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
DRAWINGS = {"", "text", "mermaid"}
"""Languages of blocks that are not run."""

BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
MARKS = re.compile(r"(?P<name>file|not run|until output)(?:: (?P<value>.+))?")


@dataclass(frozen=True)
class Example:
    """One code block.

    Attributes:
        page: path of its page, relative to the checkout.
        line: of its first line.
        language: as the fence names it.
        text: without the fences.
        mark: `file`, `not run`, `until output`, or empty.
        value: of the mark: the name of the file, the reason.
    """

    page: str
    line: int
    language: str
    text: str
    mark: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command of a console block and what the page shows of its output."""

    text: str
    shown: str


def pages() -> list[Path]:
    """README first, since it says how to begin; then the pages of docs/ by name."""
    return [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]


def examples() -> list[Example]:
    """Every code block, in the order of the pages."""
    return [example for page in pages() for example in examples_of(page)]


def examples_of(page: Path) -> list[Example]:
    """The code blocks of one page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for block in BLOCK.finditer(text):
        mark = MARKS.fullmatch(block["mark"] or "")
        if block["language"] in DRAWINGS:
            continue
        line = text.count("\n", 0, block.start("language")) + 1
        name, value = (mark["name"], mark["value"] or "") if mark else ("", "")
        found.append(Example(str(page.relative_to(CHECKOUT)), line, block["language"], block["text"], name, value))
    return found


def commands_of(text: str) -> list[Command]:
    """The commands of a console block: lines after `$ `, with the lines that continue them."""
    commands: list[Command] = []
    lines = text.splitlines()
    while lines:
        line = lines.pop(0)
        if line.startswith("$ "):
            command = [line[2:]]
            while command[-1].endswith("\\") and lines:
                command.append(lines.pop(0))
            commands.append(Command("\n".join(command), ""))
        else:
            last = commands.pop()
            commands.append(Command(last.text, f"{last.shown}{line}\n"))
    return commands


def matches(shown: str, output: str) -> bool:
    """Whether an output is what a page shows of it; `…` stands for anything, spaces do not count."""
    pattern = "".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", re.sub(r"\s+", "", shown)))
    return re.fullmatch(pattern, re.sub(r"\s+", "", output), re.DOTALL) is not None
