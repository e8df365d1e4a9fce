"""The prose of every Markdown file is wrapped at 120 characters; wrapping changes no page as it is shown."""

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from deploy.site.wrap import CHECKOUT, WIDTH, pages, too_long, wrapped


def shown(text: str) -> str:
    """A page as HTML, with all white space alike."""
    return re.sub(r"\s+", " ", MarkdownIt("commonmark").enable("table").render(text))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_prose_is_wrapped(page: Path) -> None:
    assert not too_long(page.read_text()), f"run: python -m deploy.site.wrap (lines over {WIDTH} characters)"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_wrapping_changes_nothing_that_is_shown_and_is_done_once(page: Path) -> None:
    text = page.read_text()
    assert shown(wrapped(text)) == shown(text)
    assert wrapped(wrapped(text)) == wrapped(text)


def test_a_long_line_is_wrapped_and_its_code_and_links_stay_whole() -> None:
    line = "- " + "word " * 22 + "`code with spaces` and [a link with words](page.md) and 5 - 3"
    made = wrapped(line)
    assert too_long(line) == [1]
    assert too_long(made) == []
    assert "`code with spaces`" in made
    assert "[a link with words](page.md)" in made
    assert made.splitlines()[1].startswith("  ")


def test_a_wrapped_line_does_not_begin_like_a_list() -> None:
    text = "x" * 115 + " and - then more"
    assert not [line for line in wrapped(text).splitlines() if line.startswith("-")]


def test_tables_and_code_are_left_alone() -> None:
    text = f"| {'cell ' * 40}|\n\n```console\n$ {'word ' * 40}\n```\n"
    assert wrapped(text) == text
    assert too_long(text) == []
