"""`dayahead sources check`: a dry run of a source, without Kafka and TimescaleDB."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from dayahead.hours import Hour, format_utc, from_hour
from dayahead.reading.reader import Answer
from ingest.inspection.checking import check_source
from tests.ingest.building import make_record, make_source
from tests.ingest.inspection.inspecting import moments, run, value_at, write_csv

NOW = datetime(2024, 1, 10, 12, 30, tzinfo=UTC)


class Given:
    """A reader of some records that notes what it is asked for."""

    def __init__(self, *records: dict[str, object]) -> None:
        self.records, self.asked = records, list[Hour]()

    def read(self, start: Hour, end: Hour | None) -> Answer:
        self.asked.append(start)
        return Answer.of(self.records)


def checked(reader: Given, **changes: object) -> tuple[int, str]:
    lines: list[str] = []
    code = check_source(make_source(**changes), reader, NOW, lines.append)
    return code, "\n".join(lines)


def record_at(hours_ago: float, value: object = 5.0) -> dict[str, object]:
    return make_record(int((NOW - timedelta(hours=hours_ago)).timestamp() // 3600), value)


def test_the_newest_hours_are_read_with_one_request() -> None:
    reader = Given(record_at(2.5), record_at(1.5))
    code, shown = checked(reader)
    assert code == 0
    assert [format_utc(from_hour(hour)) for hour in reader.asked] == ["2024-01-08T11:00:00Z"]
    assert "2 hours of 1 series: DK1/111" in shown
    assert "started 1.5 h ago; publication_lag_h is 1, publication_interval_h 1, which fits" in shown


def test_a_source_that_is_later_than_its_file_says_is_named() -> None:
    _, shown = checked(Given(record_at(30.5)))
    assert "later than stated; if that is usual, set publication_lag_h: 30.5" in shown


def test_of_a_reference_the_reach_is_shown_and_no_lag() -> None:
    _, shown = checked(Given(record_at(1.5), record_at(-30.5)), name="operator", forecast_of="test-source")
    assert "reach: the last hour that is forecast starts in 30.5 h" in shown
    assert "publication_lag_h" not in shown
    _, shown = checked(Given(record_at(30.5)), name="operator", forecast_of="test-source")
    assert "reach: the last hour started 30.5 h ago, and a forecast has hours that lie ahead" in shown


def test_a_source_without_a_readable_record_fails_with_the_reason() -> None:
    code, shown = checked(Given(record_at(1, "x"), record_at(2, "y")))
    assert code == 1
    assert "not_a_number: 2, the first:" in shown
    assert "no hour can be read; every record is rejected" in shown


def test_a_source_without_records_says_so() -> None:
    code, shown = checked(Given())
    assert code == 1
    assert "the publisher has no record of these hours" in shown


def test_half_hours_that_are_hours_are_named_incomplete() -> None:
    code, shown = checked(Given(record_at(1), record_at(2)), period_minutes=30, quantity="power")
    assert code == 1
    assert "every hour is incomplete: check period_minutes" in shown


def test_the_command_reads_a_file_source_and_another_file(tmp_path: Path) -> None:
    lines = [f"{m:%Y-%m-%d %H:%M}Z,{value_at(m)}" for m in moments("2024-01-01", 2)]
    file = write_csv(tmp_path / "load.csv", "time,kWh", lines)
    assert run("inspect", file, "--write", tmp_path / "load.yaml").exit_code == 0
    done = run("check", tmp_path / "load.yaml")
    assert done.exit_code == 0
    assert "48 hours of 1 series: load" in done.output
    other = write_csv(tmp_path / "other.csv", "time,kWh", lines[:24])
    assert "24 hours" in run("check", tmp_path / "load.yaml", "--data", other).output


def test_a_source_whose_file_is_missing_fails_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "load.yaml").write_text(
        "name: load\nkind: file\ntitle: Load\npath: none.csv\n"
        "time_column: t\nkey_columns: [a]\nvalue_column: v\nunit: kWh\n"
    )
    done = run("check", tmp_path / "load.yaml")
    assert done.exit_code == 1
    assert "does not exist" in done.output
