"""Prose of README.md and docs/ is wrapped at 120 characters, as the code is; tables and code blocks are not."""

from pathlib import Path

import pytest

from tests.pages.examples import CHECKOUT

WIDTH = 120
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_prose_is_wrapped(page: Path) -> None:
    is_code = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        text = line.lstrip()
        if text.startswith("```"):
            is_code = not is_code
        elif not is_code and not text.startswith("|"):
            assert len(line) <= WIDTH, f"{page.name}:{number} has {len(line)} characters: wrap it at {WIDTH}"
