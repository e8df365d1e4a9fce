"""The text of a release: `python3 -m deploy.release.changelog v0.2.0` prints its section of CHANGELOG.md."""

import re
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def section(changelog: str, version: str) -> str:
    """Return what stands under the heading of a version, without the heading.

    Args:
        changelog: text in the form of Keep a Changelog.
        version: such as 0.2.0.

    Raises:
        ValueError: there is no such section, or it is empty.
    """
    pattern = rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |^\[[^\]]+\]: |\Z)"
    found = re.search(pattern, changelog, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"CHANGELOG.md has no section [{version}]: rename [Unreleased] before the tag is set")
    if not (text := found[1].strip()):
        raise ValueError(f"section [{version}] of CHANGELOG.md is empty: write what changes for a user")
    return text + "\n"


def release_text(tag: str, checkout: Path = CHECKOUT) -> str:
    """Return the section of a tag, after a check that the tag names the version of the project.

    Args:
        tag: such as v0.2.0.
        checkout: with pyproject.toml and CHANGELOG.md.

    Raises:
        ValueError: the tag is not `v` and the version of pyproject.toml, or the section is missing.
    """
    version = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if tag != f"v{version}":
        raise ValueError(
            f"tag {tag} is not version {version} of pyproject.toml: set the version first, then tag v{version}"
        )
    return section((checkout / "CHANGELOG.md").read_text(encoding="utf-8"), version)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 -m deploy.release.changelog TAG")
    try:
        sys.stdout.write(release_text(sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))
