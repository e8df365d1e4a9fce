"""The runbook at /runbook, where alerts link: docs/runbook.md as a page, with an anchor for each alert."""

import html
import re
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

PACKAGED = Path(__file__).with_name("runbook.md")
"""Where the wheel puts docs/runbook.md (pyproject.toml, force-include)."""
CHECKOUT = Path(__file__).parents[2] / "docs" / "runbook.md"

OTHER_DOCUMENT = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)#\s]+)(?:#[^)\s]*)?\)")
PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Runbook · Dayahead</title>
    <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/assets/style.css">
    <link rel="stylesheet" href="/assets/runbook.css">
  </head>
  <body class="runbook">
    <nav aria-label="Alerts"><a href="/">Dayahead</a><ul>{contents}</ul></nav>
    <main>{body}</main>
  </body>
</html>
"""


def anchor_of(heading: str) -> str:
    """The anchor of a section, as the rules of Prometheus link it."""
    return heading.strip().lower().replace(" ", "-")


def render(markdown: str) -> str:
    """The page of a runbook.

    Args:
        markdown: CommonMark; each heading of level 2 gets an anchor and an entry in the contents. A link to another
            file of docs/ becomes its name: only this one is served.
    """
    parser = MarkdownIt("commonmark", {"html": False})
    tokens = parser.parse(OTHER_DOCUMENT.sub(r"\1 (`docs/\2`)", markdown))
    headings = []
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and opening.tag == "h2":
            opening.attrSet("id", anchor_of(inline.content))
            headings.append(inline.content)
    contents = "".join(f'<li><a href="#{anchor_of(name)}">{html.escape(name)}</a></li>' for name in headings)
    return PAGE.format(contents=contents, body=parser.renderer.render(tokens, parser.options, {}))


@cache
def runbook_page() -> str:
    """The page of the runbook that was shipped."""
    path = PACKAGED if PACKAGED.exists() else CHECKOUT
    return render(path.read_text(encoding="utf-8"))
