"""Prose, comments, messages and names are in plain English: words that a reader would not search for do not come back.

The right column of `BANNED` says what to write instead. Files that keep their words are in `ALLOWED`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
ROOTS = (
    ".github",
    "api",
    "benchmarks",
    "consumers",
    "dashboards",
    "dayahead",
    "deploy",
    "docs",
    "ingest",
    "stream",
    "tests",
    "trainer",
)
KINDS = {".css", ".env", ".html", ".js", ".json", ".md", ".py", ".sql", ".toml", ".yaml", ".yml"}
BANNED = {
    r"told": "reported, shown, distinguished",
    r"anew": "again, re-",
    r"nobody": "no user, no process, unreachable",
    r"mend(s|ed|ing)?": "fix, correct",
    r"beside": "next to, in addition to",
    r"lets go": "close, release",
}
PATTERN = re.compile(rf"(?<![a-z])({'|'.join(word.replace(' ', '[ _]') for word in BANNED)})(?![a-z])", re.IGNORECASE)
ALLOWED = {
    Path("tests/test_words.py"): "the list itself",
    # released migrations never change, and their comments are in databases
    Path("dayahead/storage/migrations"): "released",
}


def files() -> Iterator[Path]:
    """Yield every text file of the project, as paths in the checkout."""
    found = [path for path in CHECKOUT.iterdir() if path.is_file() and path.name != "CHANGELOG.md"]
    found += [path for root in ROOTS for path in (CHECKOUT / root).rglob("*") if path.is_file()]
    for path in found:
        short = path.relative_to(CHECKOUT)
        if path.suffix in KINDS and not any(short.is_relative_to(allowed) for allowed in ALLOWED):
            yield short


def banned_in(text: str) -> list[str]:
    """Return the banned words of a text; a URL does not count."""
    return [found.group() for found in PATTERN.finditer(re.sub(r"\w+://\S+", "", text))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A client is told once.", ["told"]),
        ("def test_a_line_is_told_once() -> None:", ["told"]),
        ("It is built anew and\nmended.", ["anew", "mended"]),
        ("It lets go of them.", ["lets go"]),
        ("recommended, untold, besides", []),
        ("postgresql://nobody@127.0.0.1:1/nothing", []),
    ],
)
def test_banned_words_are_recognised(text: str, found: list[str]) -> None:
    assert banned_in(text) == found


def test_no_text_has_a_banned_word() -> None:
    paths = sorted(files())
    assert len(paths) > 500
    lines = [
        f"{path}:{number}: {', '.join(found)}"
        for path in paths
        for number, line in enumerate((CHECKOUT / path).read_text().splitlines(), 1)
        if (found := banned_in(line))
    ]
    assert not lines, "write instead " + str(BANNED) + "\n" + "\n".join(lines)


def test_every_allowed_path_exists() -> None:
    assert not [path for path in ALLOWED if not (CHECKOUT / path).exists()]
