"""The site of the documentation: every page is in it, no link is broken, and it needs nothing from elsewhere."""

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.pages.examples import CHECKOUT

BUILDER = CHECKOUT / ".venv-docs/bin/zensical"
SITE = CHECKOUT / ".local/site"


def named(entry: Any) -> Iterator[str]:
    """The pages of a part of the navigation."""
    if isinstance(entry, str):
        yield entry
    else:
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from named(part)


def test_the_navigation_has_every_page() -> None:
    nav = list(named(tomllib.loads((CHECKOUT / "zensical.toml").read_text())["project"]["nav"]))
    pages = [page.name for page in (CHECKOUT / "docs").glob("*.md")]
    assert sorted(nav) == sorted([*pages, "decisions/README.md"]), "zensical.toml: nav differs from docs/"


def test_a_strict_build_finds_no_fault_and_pages_load_nothing_from_elsewhere() -> None:
    if not BUILDER.exists():
        pytest.skip(f"the builder of the site is not installed: {BUILDER} is made by `make docs`")
    built = subprocess.run(
        [BUILDER, "build", "--strict"],
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    architecture = (SITE / "architecture.html").read_text()
    assert '<svg id="diagram-' in architecture
    loaded = re.compile(r"<(?:script|img|link rel=\"?(?:stylesheet|preload|icon))[^>]*(?:src|href)=\"?https?://")
    for page in SITE.rglob("*.html"):
        assert not loaded.search(page.read_text()), page
