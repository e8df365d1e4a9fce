"""The kind with a stand-in of the library; `test_gridstatus_call.py` calls the real one."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable, Stopped
from dayahead.hours import Hour, to_hour
from dayahead.reading.converter import convert
from dayahead.reading.kinds.gridstatus import Gridstatus, GridstatusFields, GridstatusKind
from dayahead.reading.source_file import load_source, source_of
from dayahead.reading.source_kind import Surroundings
from dayahead.source import Source

STAND_IN = Path(__file__).parent / "gridstatus_stand_in"
SOURCES = Path(__file__).parents[4] / "ingest" / "sources"
ZONE = "America/Los_Angeles"
START = datetime(2025, 11, 18, 8, tzinfo=UTC)  # midnight there
HOUR = timedelta(hours=1)
KEY = "5up3r-s3cret"

Publish = Callable[..., None]


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Publish values of periods from a moment on, or a fault."""
    file = tmp_path / "published.json"
    monkeypatch.setenv("GRIDSTATUS_STAND_IN", str(file))
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))

    def write(values: list[float], /, start: datetime = START, minutes: int = 5, **others: Any) -> None:
        moments = [start + timedelta(minutes=minutes * number) for number in range(len(values))]
        by_moment = {moment.isoformat(): value for moment, value in zip(moments, values, strict=True)}
        file.write_text(json.dumps({"zone": ZONE, "minutes": minutes, "values": by_moment, **others}))

    return write


def make_source(**fields: Any) -> Source:
    return source_of(
        {
            "name": "load",
            "kind": "gridstatus",
            "title": "Load",
            "iso": "caiso",
            "key_columns": ["area"],
            "constant_labels": {"area": "CAISO"},
            "value_column": "Load",
            **fields,
        }
    )


def reader(source: Source | None = None, now: datetime = START + 12 * HOUR, **options: Any) -> Gridstatus:
    surroundings = Surroundings(
        **{
            "clock": lambda: now,
            "pause": lambda _: False,
            "resources": ExitStack(),
            "answer_timeout_s": 60.0,
            **options,
        }
    )
    return GridstatusKind().reader(source or make_source(), surroundings)


def hours(records: Any) -> dict[Hour, float]:
    conversion = convert(records, make_source(), datetime(2026, 1, 1, tzinfo=UTC))
    assert conversion.rejections == []
    return {row.hour: row.value for row in conversion.rows}


def test_five_minutes_of_power_become_hours(publish: Publish) -> None:
    publish([float(number) for number in range(36)])
    answer = reader().read(to_hour(START), to_hour(START) + 3)
    assert hours(answer.records) == {to_hour(START) + hour: 12 * hour + 5.5 for hour in range(3)}
    assert answer.records[0] == {
        "Interval Start": "2025-11-18T00:00:00-08:00",
        "Interval End": "2025-11-18T00:05:00-08:00",
        "Load": 0.0,
    }


@pytest.mark.parametrize("day", [datetime(2025, 3, 9, 8, tzinfo=UTC), datetime(2025, 11, 2, 7, tzinfo=UTC)])
def test_the_days_on_which_clocks_change_have_their_23_or_25_hours(publish: Publish, day: datetime) -> None:
    count = 23 if day.month == 3 else 25
    publish([float(number) for number in range(count)], day, 60)
    answer = reader().read(to_hour(day), to_hour(day) + count)
    assert hours(answer.records) == {to_hour(day) + hour: float(hour) for hour in range(count)}


@pytest.mark.parametrize("day", [datetime(2025, 3, 9, 8, tzinfo=UTC), datetime(2025, 11, 2, 7, tzinfo=UTC)])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_each_hour_around_a_clock_change_is_right_when_it_is_the_newest(
    publish: Publish, day: datetime, count: int
) -> None:
    publish([float(number) for number in range(count)], day, 60)
    answer = reader(now=day + count * HOUR).read(to_hour(day), None)
    assert hours(answer.records) == {to_hour(day) + hour: float(hour) for hour in range(count)}


def test_hours_are_right_across_a_change_of_resolution(publish: Publish) -> None:
    hourly = {(START + number * HOUR).isoformat(): 100.0 + number for number in range(4)}
    short = {(START + 4 * HOUR + timedelta(minutes=5 * number)).isoformat(): float(number) for number in range(48)}
    publish([], values=hourly | short)
    answer = reader().read(to_hour(START), to_hour(START) + 8)
    start = to_hour(START)
    expected = {start + number: 100.0 + number for number in range(4)}
    assert hours(answer.records) == expected | {start + 4 + number: 12 * number + 5.5 for number in range(4)}


def test_yesterdays_table_all_day_is_no_news(publish: Publish) -> None:
    publish([float(number) for number in range(24)], minutes=60)
    first = hours(reader(now=START + 25 * HOUR).read(to_hour(START), None).records)
    later = hours(reader(now=START + 41 * HOUR).read(to_hour(START), None).records)
    assert later == first
    assert len(later) == 24


def test_a_missing_newest_value_is_null(publish: Publish) -> None:
    publish([1.0, float("nan")], minutes=60)
    records = reader().read(to_hour(START), None).records
    assert [record["Load"] for record in records] == [1.0, None]


def test_a_revision_is_read_like_any_value(publish: Publish) -> None:
    one = reader()
    publish([1.0, 2.0], minutes=60)
    first = hours(one.read(to_hour(START), None).records)
    publish([1.0, 3.0], minutes=60)
    assert hours(one.read(to_hour(START), None).records) == {**first, to_hour(START) + 1: 3.0}


def test_days_without_data_are_left_out(publish: Publish) -> None:
    publish([1.0], START + 48 * HOUR, 60)
    answer = reader(now=START + 60 * HOUR).read(to_hour(START), None)
    assert list(hours(answer.records)) == [to_hour(START) + 48]
    publish([], minutes=60)
    assert list(reader().read(to_hour(START), None).records) == []


def test_a_long_range_is_read_by_weeks(publish: Publish) -> None:
    publish([1.0], minutes=60)
    answer = reader().read(to_hour(START) - 24 * 10, to_hour(START) + 24)
    assert answer.cut_at == to_hour(START) - 24 * 3


def test_a_day_that_the_library_does_not_serve_is_refused_where_no_other_day_helps(publish: Publish) -> None:
    publish([1.0], minutes=60, fault="unsupported")
    with pytest.raises(SourceRefused, match="does not serve any day from 2025-11-18"):
        reader().read(to_hour(START), to_hour(START) + 24)
    with pytest.raises(SourceRefused):
        reader().read(to_hour(START), None)


def test_a_poll_passes_days_that_the_library_no_longer_serves(publish: Publish) -> None:
    publish([1.0], minutes=60, fault="only the last day", last_day="2025-11-18")
    one = reader()
    answer = one.read(to_hour(START) - 24 * 10, None)
    assert (list(answer.records), answer.cut_at) == ([], to_hour(START) - 24 * 3)
    assert hours(one.read(to_hour(START) - 24 * 3, None).records) == {to_hour(START): 1.0}


@pytest.mark.parametrize(
    ("fault", "cause", "retry_after_s"),
    [
        (429, "rate_limited", 1800),
        ("crash", "bad_answer", None),
    ],
)
def test_what_may_pass_is_unavailable(publish: Publish, fault: object, cause: str, retry_after_s: float | None) -> None:
    publish([1.0], minutes=60, fault=fault)
    with pytest.raises(SourceUnavailable) as caught:
        reader().read(to_hour(START), None)
    assert (caught.value.cause, caught.value.retry_after_s) == (cause, retry_after_s)
    assert "caiso get_load" in str(caught.value)


def test_a_refused_key_is_not_shown(publish: Publish) -> None:
    source = make_source(key="caiso")
    publish([1.0], minutes=60, fault=403)
    with pytest.raises(SourceRefused) as caught:
        reader(source, keys={"caiso": SecretStr(KEY)}).read(to_hour(START), None)
    assert "answered 403" in str(caught.value)
    assert "for key (key)" in str(caught.value)
    assert KEY not in str(caught.value)


def test_what_the_library_prints_is_not_shown(publish: Publish, capfd: pytest.CaptureFixture[str]) -> None:
    publish([1.0], minutes=60, fault="show key")
    records = reader(make_source(key="caiso"), keys={"caiso": SecretStr(KEY)}).read(to_hour(START), None).records
    assert len(records) == 1
    assert capfd.readouterr() == ("", "")


def test_a_call_that_hangs_is_ended_at_the_deadline(publish: Publish) -> None:
    publish([1.0], minutes=60, fault="hang")
    with pytest.raises(SourceUnavailable, match=r"did not answer within 0\.1 s"):
        reader(answer_timeout_s=0.1).read(to_hour(START), None)


def test_a_call_that_hangs_is_ended_when_the_process_stops(publish: Publish) -> None:
    publish([1.0], minutes=60, fault="hang")
    with pytest.raises(Stopped):
        reader(pause=lambda _: True).read(to_hour(START), None)


def test_an_unknown_method_is_named(publish: Publish) -> None:
    publish([1.0])
    with pytest.raises(SourceRefused, match="has no get_load_by_moon"):
        reader(make_source(method="get_load_by_moon")).read(to_hour(START), None)


@pytest.mark.parametrize("method", ["__init__", "get_lmp", "get_load()"])
def test_only_methods_of_load_are_called(method: str) -> None:
    with pytest.raises(SettingsError, match="method"):
        make_source(method=method)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dayahead.reading.kinds.gridstatus.LIBRARY", "gridstatus_that_is_missing")
    with pytest.raises(SettingsError, match=r"pip install 'dayahead\[us-isos\]'"):
        reader()


def test_a_key_that_is_not_set_names_its_variable() -> None:
    with pytest.raises(SettingsError, match="DAYAHEAD_SOURCE_KEYS__PJM"):
        reader(make_source(key="pjm"))


@pytest.mark.parametrize("file", sorted(SOURCES.glob("gridstatus-*.yaml")), ids=lambda file: file.stem)
def test_the_shipped_source_files_name_methods_and_columns_of_the_library(file: Path) -> None:
    import gridstatus

    source = load_source(file)
    fields = GridstatusFields.of(source)
    assert callable(getattr(gridstatus.get_iso(fields.iso), fields.method))
    assert source.constant_labels["operator"] == fields.iso.upper()
