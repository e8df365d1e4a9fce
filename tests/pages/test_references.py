"""Links, anchors and source paths of the documentation lead to something that exists."""

import re
from functools import cache
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.pages.examples import CHECKOUT

SITE = CHECKOUT / "docs"
# what the changelog names may have been renamed since
PAGES = [*(page for page in sorted(CHECKOUT.glob("*.md")) if page.name != "CHANGELOG.md"), *sorted(SITE.rglob("*.md"))]
ROOTS = "|".join(
    [
        "dayahead",
        "ingest",
        "stream",
        "trainer",
        "api",
        "consumers",
        "deploy",
        "dashboards",
        "tests",
        "benchmarks",
        "docs",
    ]
)
SOURCE = re.compile(rf"(?:{ROOTS})/[\w./-]+\.(?:py|sql|yaml|yml|json|jsonl|md|toml)|(?:{ROOTS})/(?:[\w-]+/)*")
OF_THE_DOMAIN = re.compile(r"(?:features|models|evaluation|storage)/\w+\.py")
"""Paths that a page about the domain may shorten: the folder `dayahead/` is understood."""


@cache
def tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text())


@cache
def anchors(page: Path) -> set[str]:
    """The ids of the headings, as the site and GitHub make them; a repeated heading is left out."""
    every = tokens(page)
    headings = [every[place + 1].content for place, token in enumerate(every) if token.type == "heading_open"]
    text = [re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading) for heading in headings]
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", one.lower()).strip()) for one in text}


def children(page: Path, kind: str) -> list[Token]:
    return [child for token in tokens(page) for child in token.children or [] if child.type == kind]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_lead_to_a_file_and_an_anchor_that_exist(page: Path) -> None:
    links = [str(token.attrs["href"]) for token in children(page, "link_open")]
    links += [str(token.attrs["src"]) for token in children(page, "image")]
    for link in links:
        path, _, anchor = link.partition("#")
        if re.match(r"https?:|mailto:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link} leads to nothing"
        assert not page.is_relative_to(SITE) or target.is_relative_to(SITE), f"{page.name}: {link} leaves the site"
        assert not anchor or anchor in anchors(target), f"{page.name}: {target.name} has no heading {anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_source_files_that_are_named_exist(page: Path) -> None:
    for token in children(page, "code_inline"):
        if SOURCE.fullmatch(token.content):
            assert (CHECKOUT / token.content).exists(), f"{page.name} names {token.content}"
        elif OF_THE_DOMAIN.fullmatch(token.content):
            assert (CHECKOUT / "dayahead" / token.content).exists(), f"{page.name} names {token.content}"
