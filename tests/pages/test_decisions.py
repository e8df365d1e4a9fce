"""docs/decisions: each record has a status and a date, and the index names every record."""

import re
from datetime import date
from pathlib import Path

import pytest

from tests.pages.examples import CHECKOUT

FOLDER = CHECKOUT / "docs/decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
HEAD = re.compile(r"# (?P<number>\d+)\. (?P<title>.+)\n\n- Status: (?P<status>.+)\n- Date: (?P<date>.+)\n\n")
STATUS = re.compile(r"accepted|replaced by \[\d+\]\((?P<successor>[\w-]+\.md)\)")


def index_line(record: Path) -> str:
    """The line that the index has to have for a record."""
    head = HEAD.match(record.read_text())
    assert head, f"{record.name}: begin with '# 1. Title', '- Status: accepted' and '- Date: 2026-01-31'"
    return f"| {head['number']} | [{head['title']}]({record.name}) | {head['status']} | {head['date']} |"


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name[:4])
def test_a_record_begins_with_its_number_status_and_date(record: Path) -> None:
    index_line(record)
    head = HEAD.match(record.read_text())
    assert head is not None
    assert int(head["number"]) == int(record.name[:4])
    date.fromisoformat(head["date"])
    status = STATUS.fullmatch(head["status"])
    assert status, f"{record.name}: the status is 'accepted', or 'replaced by' with a link"
    assert not status["successor"] or (FOLDER / status["successor"]).exists()


def test_numbers_are_used_once() -> None:
    numbers = [record.name[:4] for record in RECORDS]
    assert len(numbers) == len(set(numbers))


def test_the_index_names_every_record_in_order() -> None:
    lines = [line for line in (FOLDER / "README.md").read_text().splitlines() if re.match(r"\| \d", line)]
    assert lines == [index_line(record) for record in RECORDS], "docs/decisions/README.md differs from the records"
