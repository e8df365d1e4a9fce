"""docs/stream.md names tests and steps that exist."""

import re
from pathlib import Path

from stream.audit.auditor import Outcome
from stream.servers.probe import Step

PAGE = (Path(__file__).parents[2] / "docs" / "stream.md").read_text()
FOLDER = Path(__file__).parent


def test_every_guarantee_names_a_test_that_exists() -> None:
    written = "".join(path.read_text() for path in FOLDER.rglob("test_*.py"))
    guarantees = PAGE.partition("## Guarantees")[2].partition("## The auditor")[0].splitlines()
    rows = [line for line in guarantees if line.startswith("| ") and not line.startswith(("| guarantee", "| ---"))]
    assert len(rows) >= 20
    for row in rows:
        proof = row.rsplit("|", 2)[1]
        assert re.search(r"`(\w+/)?test_", proof) or "each test above" in proof, row
    for name in re.findall(r"`(test_\w+)`", PAGE):
        assert f"def {name}(" in written, name
    for name in re.findall(r"`((?:\w+/)?test_\w+\.py)`", PAGE):
        assert (FOLDER / name).exists(), name


def test_every_step_and_every_outcome_of_an_audit_is_explained() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [*map(str, Step), *map(str, Outcome)]


def test_every_source_file_that_is_named_exists() -> None:
    named = re.findall(r"`((?:stream|dayahead|tests)/[\w/]+\.py)`", PAGE)
    assert len(named) > 10
    for name in named:
        assert (FOLDER.parents[1] / name).exists(), name
