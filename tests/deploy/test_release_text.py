import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.places import CHECKOUT
from deploy.release.changelog import release_text, section

TEXT = """# Changelog

## [Unreleased]

### Added
- Later.

## [1.10.0] - 2026-02-01

### Added
- Two lines of text
  with `code`.

### Fixed
- A fault.

## [1.1.0] - 2026-01-01

- First.

## [1.0.0] - 2025-12-01

[1.0.0]: https://example.org
"""


def test_the_text_of_a_release_is_its_section_without_the_heading() -> None:
    expected = "### Added\n- Two lines of text\n  with `code`.\n\n### Fixed\n- A fault.\n"
    assert section(TEXT, "1.10.0") == expected
    assert section(TEXT, "1.1.0") == "- First.\n"


def test_a_version_without_a_section_or_with_an_empty_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no section \[1.10\].*rename"):
        section(TEXT, "1.10")
    with pytest.raises(ValueError, match=r"no section \[1x1.0\]"):
        section(TEXT, "1x1.0")
    with pytest.raises(ValueError, match=r"section \[1.0.0\] .* is empty"):
        section(TEXT, "1.0.0")


def test_the_tag_must_be_the_version_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "CHANGELOG.md").write_text(TEXT)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.1.0"\n')
    assert release_text("v1.1.0", tmp_path) == "- First.\n"
    with pytest.raises(ValueError, match=r"tag v1.10.0 is not version 1.1.0"):
        release_text("v1.10.0", tmp_path)


def test_the_command_prints_the_section_of_the_newest_release_and_explains_a_wrong_tag() -> None:
    version = re.search(r'^version = "(.+)"$', (CHECKOUT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version

    def run(*tag: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-S", "-m", "deploy.release.changelog", *tag]
        return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)

    printed = run(f"v{version[1]}").stdout
    assert "### Added" in printed
    assert "## [" not in printed.replace("### ", "")
    wrong = run("v0.0.1")
    assert wrong.returncode == 1
    assert "tag v0.0.1 is not version" in wrong.stderr
    assert "usage" in run().stderr


@pytest.mark.parametrize("module", ["changelog", "smoke", "overlay", "rollout"])
def test_a_workflow_runs_it_before_anything_is_installed(module: str) -> None:
    """Python without site-packages, in a checkout."""
    loaded = f"import sys; sys.path.insert(0, '.'); import deploy.release.{module}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", loaded], cwd=CHECKOUT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
