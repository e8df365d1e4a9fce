"""Two datasets that follow each other are one source."""

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dayahead.errors import SettingsError
from dayahead.hours import to_hour
from dayahead.reading.converter import convert_answer
from dayahead.reading.http.budget import Budgets
from dayahead.reading.kinds.file import FileSource
from dayahead.reading.source_file import load_source, predecessor_of
from dayahead.reading.succession import SuccessiveReader, until_of
from ingest.running import make_reader
from ingest.settings import IngestSettings
from tests.dayahead.reading.made import NOW

SOURCE = """
name: meters
kind: file
title: Two datasets
path: new.csv
time_column: TimeUTC
key_columns: [meter]
value_column: MWh
unit: MWh
predecessor:
  until: 2024-01-01T03
  path: old.csv
  time_column: HourUTC
  value_column: kWh
  scale: 0.001
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An old file with hours 0 to 5 in kWh, and a new one with hours 2 to 8 in MWh and other values."""
    old = [f"2024-01-01T0{hour}:00Z,m,{1000 * hour}" for hour in range(6)]
    new = [f"2024-01-01T0{hour}:00Z,m,{hour + 0.5}" for hour in range(2, 9)]
    (tmp_path / "old.csv").write_text("HourUTC,meter,kWh\n" + "\n".join(old) + "\n")
    (tmp_path / "new.csv").write_text("TimeUTC,meter,MWh\n" + "\n".join(new) + "\n")
    (tmp_path / "source.yaml").write_text(SOURCE)
    return tmp_path


def test_each_hour_of_an_overlap_comes_from_one_dataset(folder: Path) -> None:
    source = load_source(folder / "source.yaml")
    earlier = predecessor_of(source)
    reader = SuccessiveReader(FileSource(earlier), FileSource(source), earlier, until_of(source))
    start = to_hour(datetime(2024, 1, 1, tzinfo=UTC))
    found: dict[int, float] = {}
    position, answers = start, 0
    while True:
        answer = reader.read(position, None)
        answers += 1
        for row in convert_answer(answer, source, NOW).rows:
            if row.hour >= position:
                assert found.setdefault(row.hour - start, row.value) == row.value
        if answer.cut_at is None:
            break
        position = answer.cut_at
    assert answers == 2
    assert found == pytest.approx({0: 0.0, 1: 1.0, 2: 2.0, **{hour: hour + 0.5 for hour in range(3, 9)}})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("  until: 2024-01-01T03\n", ""), "needs until"),
        (("until: 2024-01-01T03", "until: soon"), "until of predecessor"),
        (("  scale: 0.001", "  unit: kWh"), "unit cannot differ"),
        (("  scale: 0.001", "  period_minutes: 45"), "predecessor: .*must divide an hour"),
    ],
)
def test_a_wrong_predecessor_is_an_error_of_the_source_file(
    folder: Path, change: tuple[str, str], complaint: str
) -> None:
    file = folder / "source.yaml"
    file.write_text(SOURCE.replace(*change))
    with pytest.raises(SettingsError, match=complaint):
        load_source(file)


def test_the_reader_of_the_poller_reads_both(folder: Path) -> None:
    source = load_source(folder / "source.yaml")
    with ExitStack() as resources:
        reader = make_reader(source, IngestSettings(), lambda _: False, resources, Budgets(None))
        answer = reader.read(to_hour(datetime(2024, 1, 1, tzinfo=UTC)), None)
        assert [row.value for row in convert_answer(answer, source, NOW).rows] == pytest.approx([0.0, 1.0, 2.0])
