"""Valid rows are processed, invalid ones are rejected one by one."""

import json
from datetime import UTC, datetime

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dayahead.contracts import ObservationBatch
from dayahead.errors import DeadLetterCode
from dayahead.hours import to_hour, to_microseconds
from stream.intake.decode import DecodedMessage, Decoder
from stream.servers.log_reader import LogMessage

GOOD = ["DK1/111", "2023-01-24T22:00:00Z", 12.5]
NOON = "2023-01-25T12:00:00Z"


def message(**changes: object) -> bytes:
    body = {"source": "de35", "available_at": NOON, "refresh": True, "rows": [GOOD]}
    return orjson.dumps({**body, **changes})


def decode(value: bytes | None) -> DecodedMessage:
    return Decoder().decode(LogMessage(17, value))


def test_a_message_becomes_rows() -> None:
    decoded = decode(message(rows=[GOOD, ["DK2/999", "2023-01-24T23:00:00+01:00", 3]]))
    assert decoded.refusals == []
    assert decoded.series_ids == ["DK1/111", "DK2/999"]
    assert decoded.hours == [to_hour(datetime(2023, 1, 24, 22, tzinfo=UTC))] * 2
    assert decoded.values == [12.5, 3.0]
    assert decoded.available_us == to_microseconds(datetime(2023, 1, 25, 12, tzinfo=UTC))
    assert decoded.refresh


def test_refresh_may_be_left_out() -> None:
    assert decode(orjson.dumps({"source": "de35", "available_at": NOON, "rows": [GOOD]})).refresh


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, DeadLetterCode.NOT_JSON),
        (b"", DeadLetterCode.NOT_JSON),
        (b'{"source": "de35", "rows":', DeadLetterCode.NOT_JSON),
        (b"\xff\xfe", DeadLetterCode.NOT_JSON),
        (b"[" * 100_000, DeadLetterCode.NOT_JSON),
        (b"[]", DeadLetterCode.NOT_A_BATCH),
        (b"{}", DeadLetterCode.NOT_A_BATCH),
        (message(source=5), DeadLetterCode.NOT_A_BATCH),
        (message(source=""), DeadLetterCode.NOT_A_BATCH),
        (message(refresh="yes"), DeadLetterCode.NOT_A_BATCH),
        (message(rows=[]), DeadLetterCode.NOT_A_BATCH),
        (message(rows=[GOOD] * 501), DeadLetterCode.NOT_A_BATCH),
        (message(rows="DK1"), DeadLetterCode.NOT_A_BATCH),
        (message(colour="red"), DeadLetterCode.NOT_A_BATCH),
        (message(available_at="yesterday"), DeadLetterCode.BAD_TIME),
        (message(available_at="2023-01-25T12:00:00"), DeadLetterCode.BAD_TIME),
        (message(available_at=5), DeadLetterCode.BAD_TIME),
    ],
)
def test_a_message_that_is_no_batch_is_set_aside_as_it_is(value: bytes | None, code: DeadLetterCode) -> None:
    decoded = decode(value)
    assert [(refusal.error.code, refusal.value, refusal.offset) for refusal in decoded.refusals] == [
        (code, value or b"", 17)
    ]
    assert decoded.series_ids == []


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("abc", DeadLetterCode.BAD_ROW),
        (["DK1/111", "2023-01-24T22:00:00Z"], DeadLetterCode.BAD_ROW),
        ({"series_id": "DK1/111"}, DeadLetterCode.BAD_ROW),
        ([111, "2023-01-24T22:00:00Z", 1.0], DeadLetterCode.BAD_SERIES_ID),
        (["DK1/111", "24 January", 1.0], DeadLetterCode.BAD_TIME),
        (["DK1/111", "2023-01-24T22:00:00", 1.0], DeadLetterCode.BAD_TIME),
        (["DK1/111", 5, 1.0], DeadLetterCode.BAD_TIME),
        (["DK1/111", "2023-01-24T22:30:00Z", 1.0], DeadLetterCode.NOT_ON_THE_HOUR),
        (["DK1/111", "2023-01-25T13:00:00Z", 1.0], DeadLetterCode.FUTURE_HOUR),
        (["DK1/111", "2023-01-24T22:00:00Z", None], DeadLetterCode.NULL_VALUE),
        (["DK1/111", "2023-01-24T22:00:00Z", "12,5"], DeadLetterCode.NOT_A_NUMBER),
        (["DK1/111", "2023-01-24T22:00:00Z", True], DeadLetterCode.NOT_A_NUMBER),
        (["DK1/111", "2023-01-24T22:00:00Z", -1e16], DeadLetterCode.ABSURD_VALUE),
    ],
)
def test_a_bad_row_is_rejected_and_the_others_are_processed(row: object, code: DeadLetterCode) -> None:
    decoded = decode(message(rows=[GOOD, row, ["DK1/112", "2023-01-24T22:00:00Z", 7]]))
    assert decoded.series_ids == ["DK1/111", "DK1/112"]
    assert decoded.values == [12.5, 7.0]
    (refusal,) = decoded.refusals
    assert refusal.error.code is code
    # in a separate envelope, to be corrected and sent again
    assert orjson.loads(refusal.value) == {"source": "de35", "available_at": NOON, "refresh": True, "rows": [row]}


def test_not_a_number_as_python_writes_it_costs_only_its_row() -> None:
    decoded = decode(message(rows=[GOOD, ["DK1/112", "2023-01-24T22:00:00Z", 0]]).replace(b",0]", b",NaN]"))
    assert decoded.series_ids == ["DK1/111"]
    assert [refusal.error.code for refusal in decoded.refusals] == [DeadLetterCode.NOT_A_NUMBER]


def test_an_integer_beyond_all_floats_is_absurd() -> None:
    decoded = decode(message(rows=[["DK1/112", "2023-01-24T22:00:00Z", 0]]).replace(b",0]", b"," + b"9" * 400 + b"]"))
    assert [refusal.error.code for refusal in decoded.refusals] == [DeadLetterCode.ABSURD_VALUE]


def test_what_the_contract_writes_is_read() -> None:
    batch = ObservationBatch.model_validate_json(message())
    decoded = decode(batch.model_dump_json().encode())
    assert (decoded.series_ids, decoded.values, decoded.refusals) == (["DK1/111"], [12.5], [])


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=30) | st.just(NOON) | st.just("DK1/111"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
envelopes = st.fixed_dictionaries(
    {"source": anything | st.just("de35"), "available_at": anything | st.just(NOON)},
    optional={"refresh": anything | st.booleans(), "rows": anything | st.lists(anything | st.just(GOOD), max_size=5)},
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | envelopes.map(lambda body: json.dumps(body).encode()))
def test_nothing_that_a_message_may_hold_stops_the_reading(value: bytes) -> None:
    decoded = decode(value)
    assert decoded.refusals or decoded.series_ids
    assert len(decoded.series_ids) == len(decoded.hours) == len(decoded.values)
    assert np.isfinite(decoded.values).all()


def test_a_rejected_row_names_its_series_as_it_was_sent() -> None:
    rows = [GOOD, ["DK1/112", "2023-01-24T22:00:00Z", None], [7, "2023-01-24T22:00:00Z", 1], "DK1"]
    decoded = decode(message(rows=rows))
    assert sorted(refusal.series_id for refusal in decoded.refusals) == ["", "", "DK1/112"]
