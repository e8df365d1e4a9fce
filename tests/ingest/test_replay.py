from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dayahead.errors import SettingsError
from dayahead.hours import to_hour
from dayahead.reading.converter import convert, convert_answer
from dayahead.reading.kinds.file import FileSource
from ingest.replay.clock import Pace, ReplayClock
from ingest.replay.records import load_records
from tests.dayahead.reading import made
from tests.ingest.building import (
    FIRST,
    SAMPLE,
    ManualTime,
    make_records,
    make_source,
    replay_client,
    sample_source,
)

RECORDS = make_records(150, series=2)


def ask(client: TestClient | None = None, **parameters: Any) -> dict[str, Any]:
    response = (client or replay_client(RECORDS)).get("/dataset/Test", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


def hours(answer: dict[str, Any]) -> list[str]:
    return sorted({record["HourUTC"] for record in answer["records"]})


def test_start_is_inclusive_and_end_exclusive() -> None:
    answer = ask(start="2023-01-02T00:00", end="2023-01-02T02:00", timezone="UTC", limit=0)
    assert hours(answer) == ["2023-01-02T00:00:00", "2023-01-02T01:00:00"]


def test_without_a_time_zone_the_times_are_danish() -> None:
    answer = ask(start="2023-01-02T00:00", end="2023-01-02T02:00", limit=0)
    assert hours(answer) == ["2023-01-01T23:00:00", "2023-01-02T00:00:00"]


def test_100_records_come_only_without_start_and_limit() -> None:
    assert len(ask()["records"]) == 100
    assert len(ask(limit=0)["records"]) == 300
    assert len(ask(start="2023-01-01", timezone="utc")["records"]) == 300
    assert len(ask(limit=7)["records"]) == 7


def test_the_envelope_counts_what_fits_and_not_what_is_given() -> None:
    answer = ask(limit=7, offset=2, sort="HourUTC asc, Type desc", columns="HourUTC,Type")
    assert {name: answer[name] for name in ("total", "limit", "sort", "dataset")} == {
        "total": 300,
        "limit": 7,
        "sort": "HourUTC asc, Type desc",
        "dataset": "Test",
    }
    assert answer["records"][:2] == [
        {"HourUTC": "2023-01-01T01:00:00", "Type": "001"},
        {"HourUTC": "2023-01-01T01:00:00", "Type": "000"},
    ]


@pytest.mark.parametrize("value", ['{"Type":["001"]}', '{"Type":"001"}'])
def test_a_filter_keeps_records_with_its_values(value: float) -> None:
    answer = ask(filter=value, limit=0)
    assert (answer["total"], {record["Type"] for record in answer["records"]}) == (150, {"001"})


def test_years_months_and_days_are_moments_too() -> None:
    assert ask(start="2023", timezone="utc")["total"] == 300
    assert ask(start="2023-02", timezone="utc")["total"] == 0
    assert ask(start="2023-01-07", timezone="utc")["total"] == 2 * (150 - 6 * 24)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"start": "2023-01-01T00:00:00"}, "start"),
        ({"start": "2023-13"}, "start"),
        ({"end": "tomorrow"}, "end"),
        ({"limit": "-1"}, "limit"),
        ({"sort": "Nothing"}, "Nothing"),
        ({"sort": "HourUTC upwards"}, "sort"),
        ({"columns": "HourUTC,Nothing"}, "Nothing"),
        ({"filter": "DK1"}, "filter"),
        ({"filter": "[1]"}, "filter"),
        ({"begin": "2023"}, "begin"),
    ],
)
def test_a_malformed_request_is_400_and_says_what_is_wrong(parameters: dict[str, str], word: str) -> None:
    response = replay_client(RECORDS).get("/dataset/Test", params=parameters)
    assert response.status_code == 400
    assert word in response.json()["message"]


def test_an_unknown_dataset_is_404() -> None:
    assert replay_client(RECORDS).get("/dataset/Nothing").status_code == 404


def test_hours_appear_at_the_fast_pace_first_and_then_at_the_slow_one() -> None:
    time = ManualTime()
    client = replay_client(RECORDS, published_until=FIRST + 10, pace=Pace(10, 2, 1), time=time)
    seen = []
    for seconds in (0, 1, 1, 9, 1, 30):
        time.seconds += seconds
        seen.append(len(hours(ask(client, limit=0))))
    assert seen == [10, 11, 12, 12, 13, 16]


def test_in_lockstep_an_hour_waits_until_the_one_before_was_fetched() -> None:
    time = ManualTime()
    client = replay_client(RECORDS, published_until=FIRST + 10, pace=Pace(1, wait_for_poll=True), time=time)
    seen = []
    for seconds in (0, 100, 0, 1, 0.5, 0.5):
        time.seconds += seconds
        assert client.get("/_clock").status_code == 200
        seen.append(len(hours(ask(client, limit=0))))
    assert seen == [10, 11, 11, 12, 12, 13]


def test_in_lockstep_a_backfill_or_a_spoiled_answer_does_not_let_the_next_hour_come() -> None:
    time = ManualTime()
    client = replay_client(RECORDS, published_until=FIRST + 10, pace=Pace(1, wait_for_poll=True), time=time)
    time.seconds += 1
    assert client.get("/_clock").json()["end"] == "2023-01-01T11:00:00Z"
    time.seconds += 5
    ask(client, end="2023-01-01T10:00", timezone="utc", limit=0)
    client.post("/_faults", json=[{"kind": "html"}])
    client.get("/dataset/Test")
    assert client.get("/_clock").json()["end"] == "2023-01-01T11:00:00Z"
    ask(client, limit=0)
    assert client.get("/_clock").json()["end"] == "2023-01-01T12:00:00Z"


def test_a_restarted_clock_resumes(tmp_path: Path) -> None:
    time, state = ManualTime(), tmp_path / "replay" / "state.json"
    held = list(range(FIRST, FIRST + 50))
    clock = ReplayClock(held, FIRST + 5, Pace(1), state=state, monotonic=time.monotonic)
    time.seconds += 7
    assert clock.end == FIRST + 12
    assert ReplayClock(held, FIRST + 5, Pace(1), state=state, monotonic=time.monotonic).end == FIRST + 12


def test_a_damaged_state_file_is_refused_with_its_name(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text("{")
    with pytest.raises(SettingsError, match=r"state\.json is not the state of a replay"):
        ReplayClock([FIRST], FIRST, Pace(1), state=state)


def test_the_clock_can_be_moved_and_read() -> None:
    client = replay_client(RECORDS, published_until=FIRST + 10)
    assert client.get("/_clock").json() == {"end": "2023-01-01T10:00:00Z", "over": False}
    client.post("/_clock", params={"end": "2023-01-03"})
    assert len(hours(ask(client, limit=0))) == 48
    client.post("/_clock", params={"end": "2024-01-01"})
    assert client.get("/_clock").json()["over"] is True


def test_faults_can_be_asked_for_over_http_and_are_spent() -> None:
    client = replay_client(RECORDS)
    assert client.post("/_faults", json=[{"kind": "html", "answers": 2}]).json() == {"left": 2}
    assert client.get("/dataset/Test").headers["content-type"].startswith("text/html")
    assert client.get("/_faults").json() == {"left": 1}


def test_the_sample_is_replayed_newest_first_with_its_own_columns() -> None:
    records = load_records(sample_source(), SAMPLE)
    assert (len(records.records), len(records.hours)) == (62548, 823)
    newest = records.between(to_hour(datetime(2023, 1, 24, 22, tzinfo=UTC)), records.hours[-1] + 1)
    assert len(newest) == 76
    assert set(newest[0]) == {"HourUTC", "HourDK", "PriceArea", "ConsumerType_DE35", "TotalCon"}


def test_a_file_that_lacks_a_column_of_the_source_is_refused() -> None:
    with pytest.raises(SettingsError, match="has no column 'Area', 'Type', 'kWh'"):
        load_records(make_source(), SAMPLE)


def test_a_text_file_is_replayed_as_a_backfill_reads_it(tmp_path: Path) -> None:
    data = tmp_path / "meters.csv"
    data.write_text(
        "time;meter;value;note\n"
        "2024-01-01T00:00Z;m1;74,02;a\n"
        "2024-01-01T01:00Z;m1;n/e;b\n"
        "Total;m1;145,81;\n"
        "2024-01-01T02:00Z;m1\n"
        "2024-01-01T03:00Z;m1;73,33;d\n"
    )
    source = made.source(
        delimiter=";", decimal=",", kind="energi-data-service", url="http://source.test", dataset="Test"
    )
    replayed = load_records(source, data)
    now = datetime(2024, 1, 2, tzinfo=UTC)
    read = convert_answer(FileSource(source, data).read(0, None), source, now)
    asked = convert(replayed.records, source, now)
    assert asked.rows == read.rows
    assert [row.value for row in read.rows] == [74.02, 73.33]
    assert [one.code for one in asked.rejections] == ["not_a_number", "bad_time"]
    assert [one.code for one in read.rejections] == ["not_a_number", "bad_time", "missing_field"]
    assert replayed.records[0] == {"time": "2024-01-01T00:00Z", "meter": "m1", "value": 74.02, "note": "a"}
