from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable
from dayahead.hours import to_hour
from dayahead.reading.converter import convert
from dayahead.reading.http.client import USER_AGENT, http_client
from dayahead.reading.http.fetcher import retry_after_s
from dayahead.source import Source
from ingest.replay.faults import Fault, FaultKind
from tests.ingest.building import (
    FIRST,
    NOW,
    make_record,
    make_records,
    make_source,
    reader_of,
    replay_client,
)


def asked(
    source: Source | None = None, start: int = FIRST, end: int | None = None, **options: Any
) -> httpx.QueryParams:
    """The parameters that a reader sends."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"total": 0, "dataset": "Test", "records": []})

    client = httpx.Client(base_url="http://source.test/", transport=httpx.MockTransport(answer))
    reader_of(client, source, **options).read(start, end)
    assert seen[0].url.path == "/dataset/Test"
    return seen[0].url.params


def answering(status: int, body: bytes | str = b"", headers: dict[str, str] | None = None) -> httpx.Client:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body, headers=headers))
    return httpx.Client(base_url="http://source.test", transport=transport)


def test_it_asks_in_utc_for_its_columns_in_order_of_time() -> None:
    assert dict(asked(start=FIRST, end=FIRST + 2, max_records=0)) == {
        "start": "2023-01-01T00:00",
        "end": "2023-01-01T02:00",
        "timezone": "UTC",
        "sort": "HourUTC asc",
        "columns": "HourUTC,Area,Type,kWh",
        "limit": "0",
    }


def test_filters_are_sent_as_json() -> None:
    assert orjson.loads(asked(make_source(filters={"Area": ["DK1"]}))["filter"]) == {"Area": ["DK1"]}


def test_a_danish_time_column_is_asked_for_by_whole_local_days() -> None:
    source = make_source(time_zone="Europe/Copenhagen")
    night = to_hour(NOW.replace(year=2023, month=10, day=29))  # 02:00 local, which comes twice
    parameters = asked(source, start=night, end=night + 1)
    assert (parameters["start"], parameters["end"]) == ("2023-10-29T00:00", "2023-10-30T00:00")
    assert "timezone" not in parameters


def test_another_zone_is_refused_since_the_api_does_not_speak_it() -> None:
    with pytest.raises(SettingsError, match="Europe/Oslo"):
        reader_of(answering(200), make_source(time_zone="Europe/Oslo"))


def test_the_client_says_who_it_is() -> None:
    with http_client("http://source.test", 1) as client:
        assert client.headers["User-Agent"] == USER_AGENT


def test_the_replay_gives_the_records_of_the_asked_hours() -> None:
    client = replay_client(make_records(10))
    answer = reader_of(client).read(FIRST + 2, FIRST + 4)
    hours = sorted({row.hour for row in convert(answer.records, make_source(), NOW).rows})
    assert (hours, answer.cut_at) == ([FIRST + 2, FIRST + 3], None)


def test_an_answer_that_was_cut_ends_at_its_last_whole_hour() -> None:
    client = replay_client(make_records(10, series=2))
    answer = reader_of(client, max_records=5).read(FIRST, None)
    assert (len(answer.records), answer.cut_at) == (4, FIRST + 2)


def test_a_single_hour_that_fills_a_whole_answer_is_refused_since_it_can_never_be_passed() -> None:
    client = replay_client(make_records(10, series=3))
    with pytest.raises(SourceRefused, match="DAYAHEAD_MAX_RECORDS"):
        reader_of(client, max_records=3).read(FIRST, None)


def test_a_local_day_that_fills_a_whole_answer_is_refused_since_its_later_hours_are_never_reached() -> None:
    records = [{**make_record(), "HourUTC": f"2023-01-02T{hour:02d}:00:00"} for hour in range(24)]
    body = orjson.dumps({"total": 24, "records": records[:5]})
    source = make_source(time_zone="Europe/Copenhagen")
    evening = to_hour(NOW.replace(day=2, hour=19))
    with pytest.raises(SourceRefused, match="DAYAHEAD_MAX_RECORDS"):
        reader_of(answering(200, body), source, max_records=5).read(evening, None)


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (FaultKind.TOO_MANY_REQUESTS, "rate_limited"),
        (FaultKind.SERVER_ERROR, "server_error"),
        (FaultKind.HTML, "bad_answer"),
        (FaultKind.CUT_JSON, "bad_answer"),
        (FaultKind.NO_RECORDS, "bad_answer"),
        (FaultKind.RECORDS_NOT_LIST, "bad_answer"),
    ],
)
def test_what_may_pass_is_unavailable(kind: str, cause: str) -> None:
    client = replay_client(make_records(3), faults=[Fault(kind=kind)])
    with pytest.raises(SourceUnavailable) as caught:
        reader_of(client).read(FIRST, None)
    assert caught.value.cause == cause
    assert len(reader_of(client).read(FIRST, None).records) == 6


def test_records_that_are_not_objects_are_a_bad_answer() -> None:
    with pytest.raises(SourceUnavailable, match="not objects"):
        reader_of(answering(200, b'{"total":1,"records":[1]}')).read(FIRST, None)


def test_a_list_where_the_envelope_should_be_is_a_bad_answer() -> None:
    with pytest.raises(SourceUnavailable, match="no `records`"):
        reader_of(answering(200, b"[]")).read(FIRST, None)


def test_a_server_that_cannot_be_reached_is_unavailable() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = httpx.Client(base_url="http://source.test", transport=httpx.MockTransport(refuse))
    with pytest.raises(SourceUnavailable, match="cannot be reached: refused"):
        reader_of(client).read(FIRST, None)


def test_a_redirect_is_reported_and_not_followed() -> None:
    client = replay_client(make_records(3), faults=[Fault(kind=FaultKind.REDIRECT)])
    with pytest.raises(SourceRefused, match=r"has moved to https://example\.org/moved"):
        reader_of(client).read(FIRST, None)


def test_an_unknown_dataset_is_rejected_with_the_message_of_the_api() -> None:
    client = replay_client(make_records(3), source=make_source(dataset="Other"))
    with pytest.raises(SourceRefused, match=r"404: .*dataset Test does not exist"):
        reader_of(client).read(FIRST, None)


def test_a_missing_column_is_rejected_with_the_message_of_the_api() -> None:
    client = replay_client(make_records(3))
    with pytest.raises(SourceRefused, match=r"400: .*unknown column 'MWh'"):
        reader_of(client, make_source(value_column="MWh")).read(FIRST, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("Wed, 25 Jan 2023 00:01:30 GMT", 90.0),
        ("Tue, 24 Jan 2023 00:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float) -> None:
    assert retry_after_s({"retry-after": text}, lambda: NOW) == seconds


def test_retry_after_of_a_429_is_part_of_the_error() -> None:
    fault = Fault(kind=FaultKind.TOO_MANY_REQUESTS, retry_after="12")
    with pytest.raises(SourceUnavailable) as caught:
        reader_of(replay_client(make_records(3), faults=[fault])).read(FIRST, None)
    assert caught.value.retry_after_s == 12


def test_nulls_are_records_and_are_left_to_the_conversion() -> None:
    client = replay_client([make_record()], faults=[Fault(kind=FaultKind.NULL_VALUES)])
    assert reader_of(client).read(FIRST, None).records == [make_record(value=None)]


@pytest.mark.parametrize(
    ("file", "dataset", "columns"),
    [
        (
            "ConsumptionDE35Hour_records_real_envelope_reconstructed.json",
            "ConsumptionDE35Hour",
            {"key_columns": ["PriceArea", "ConsumerType_DE35"], "value_column": "TotalCon"},
        ),
        (
            "elspotprices_envelope_real_truncated.json",
            "Elspotprices",
            {"key_columns": ["PriceArea"], "value_column": "SpotPriceEUR"},
        ),
    ],
)
def test_a_recorded_answer_of_the_api_is_read(
    real_data: Path, file: Path, dataset: str, columns: dict[str, Any]
) -> None:
    body = (real_data / file).read_bytes()
    source = make_source(dataset=dataset, minimum=None, maximum=None, **columns)
    now = NOW.replace(year=2025)
    recorded = orjson.loads(body)["records"]
    hours = {record["HourUTC"] for record in recorded}
    if len(hours) == 1:  # cut short by whoever recorded it, and `total` says so
        body = orjson.dumps({**orjson.loads(body), "total": len(recorded)})
    answer = reader_of(answering(200, body), source).read(FIRST, None)
    conversion = convert(answer.records, source, now)
    assert conversion.rejections == []
    assert len(conversion.rows) == len(answer.records) > 0
