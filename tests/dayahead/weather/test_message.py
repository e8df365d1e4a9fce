"""Weather as it travels: what is sent is read as it was, and what breaks the contract is rejected with its reason."""

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dayahead.asyncapi import json_schema
from dayahead.contracts import MAX_MESSAGE_BYTES
from dayahead.errors import ContractError, DeadLetterCode
from dayahead.hours import HOUR_US
from dayahead.weather.message import LIMITS, MAX_HOURS, WeatherBatch, is_weather, read_weather, weather_bytes
from dayahead.weather.values import Variable, WeatherValues
from tests.dayahead.weather.publications import observed, run

START = 465_000
RECEIVED_US = (START + 5) * HOUR_US
VALIDATOR = Draft202012Validator(json_schema(WeatherBatch, sent=False))


def body(**changes: object) -> dict[str, Any]:
    sent: dict[str, Any] = orjson.loads(weather_bytes("gfs", [run(START, [1.5, np.nan, -3.25])]))
    return {**sent, **changes}


def fault(changed: dict[str, Any], received_us: int | None = RECEIVED_US) -> ContractError:
    with pytest.raises(ContractError) as error:
        read_weather(changed, received_us)
    return error.value


def same(one: WeatherValues, other: WeatherValues) -> bool:
    named = [
        (each.location, each.variable, each.kind, each.start, each.available_us, each.first) for each in (one, other)
    ]
    return named[0] == named[1] and one.values.tobytes() == other.values.tobytes()


@given(
    st.lists(st.none() | st.floats(-90, 60, width=32), min_size=1, max_size=60).filter(any),
    st.booleans(),
)
def test_what_is_written_is_read_with_the_same_bits(values: list[float | None], is_run: bool) -> None:
    hours = [np.nan if value is None else value for value in values]
    written = [run(START, hours) if is_run else observed(START - 100, hours)]
    if is_run:
        written.append(run(START, [80.0] * len(hours), variable=Variable.HUMIDITY))
    sent = orjson.loads(weather_bytes("gfs", written))
    VALIDATOR.validate(sent)
    assert is_weather(sent)
    read = read_weather(sent, RECEIVED_US)
    assert read.source == "gfs"
    by_variable = {one.variable: one for one in read.values}
    assert len(by_variable) == len(written)
    assert all(same(one, by_variable[one.variable]) for one in written)


def test_the_longest_message_of_all_variables_fits_into_kafka() -> None:
    longest = [run(START, np.full(MAX_HOURS, -12.345678), variable=variable) for variable in Variable]
    assert len(weather_bytes("gfs", longest)) < MAX_MESSAGE_BYTES / 10


def test_rows_are_no_weather() -> None:
    assert not is_weather({"source": "de35", "rows": []})
    assert not is_weather([])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"weather": "No Name"}, DeadLetterCode.NOT_WEATHER),
        ({"weather": None}, DeadLetterCode.NOT_WEATHER),
        ({"source": "gfs"}, DeadLetterCode.NOT_WEATHER),
        ({"location": ""}, DeadLetterCode.NOT_WEATHER),
        ({"location": "a\nb"}, DeadLetterCode.NOT_WEATHER),
        ({"kind": "guess"}, DeadLetterCode.NOT_WEATHER),
        ({"kind": "observed"}, DeadLetterCode.NOT_WEATHER),
        ({"start": None}, DeadLetterCode.NOT_WEATHER),
        ({"first": "2023-01-17T23:00:00Z"}, DeadLetterCode.NOT_WEATHER),
        ({"values": {}}, DeadLetterCode.NOT_WEATHER),
        ({"values": []}, DeadLetterCode.NOT_WEATHER),
        ({"values": {"temperature_f": [1.0]}}, DeadLetterCode.NOT_WEATHER),
        ({"values": {"temperature_c": []}}, DeadLetterCode.NOT_WEATHER),
        ({"values": {"temperature_c": [1.0] * 433}}, DeadLetterCode.NOT_WEATHER),
        ({"values": {"temperature_c": [1.0], "wind_speed_m_s": [1.0, 2.0]}}, DeadLetterCode.NOT_WEATHER),
        ({"values": {"temperature_c": ["1"]}}, DeadLetterCode.NOT_A_NUMBER),
        ({"values": {"temperature_c": [True]}}, DeadLetterCode.NOT_A_NUMBER),
        ({"values": {"temperature_c": [float("nan")]}}, DeadLetterCode.NOT_A_NUMBER),
        ({"values": {"temperature_c": [None, None]}}, DeadLetterCode.NULL_VALUE),
        ({"values": {"temperature_c": [59.0, 61.0]}}, DeadLetterCode.ABSURD_VALUE),
        ({"values": {"temperature_c": [-1e300]}}, DeadLetterCode.ABSURD_VALUE),
        ({"available_at": "soon"}, DeadLetterCode.BAD_TIME),
        ({"available_at": 5}, DeadLetterCode.BAD_TIME),
        ({"start": "2023-01-18T00:00:00"}, DeadLetterCode.BAD_TIME),
        ({"start": "2023-01-18T00:30:00Z"}, DeadLetterCode.NOT_ON_THE_HOUR),
        ({"first": "2023-01-18T00:00:01Z"}, DeadLetterCode.NOT_ON_THE_HOUR),
    ],
)
def test_what_breaks_the_contract_is_rejected_as_a_whole(changes: dict[str, object], code: DeadLetterCode) -> None:
    assert read_weather(body(), RECEIVED_US).values[0].start == START
    assert fault(body(**changes)).code is code


def test_an_integer_beyond_all_floats_is_no_number() -> None:
    assert fault(body(values={"temperature_c": [10**400]})).code is DeadLetterCode.NOT_A_NUMBER


@pytest.mark.parametrize("name", ["available_at", "location", "kind", "first", "values"])
def test_a_missing_field_is_named(name: str) -> None:
    sent = body()
    del sent[name]
    error = fault(sent)
    assert error.code is DeadLetterCode.NOT_WEATHER
    assert name in error.reason


def test_a_run_ends_432_hours_after_its_start_at_the_latest() -> None:
    fits = orjson.loads(weather_bytes("gfs", [run(START, [1.0] * 430, first=START + 2)]))
    assert read_weather(fits, RECEIVED_US).values[0].end == START + MAX_HOURS
    long = orjson.loads(weather_bytes("gfs", [run(START, [1.0] * 431, first=START + 2)]))
    assert "432" in fault(long).reason


def test_nothing_is_observed_before_it_happens_and_no_run_is_known_before_its_start() -> None:
    early = orjson.loads(weather_bytes("dmi", [observed(START, [1.0, 2.0], delay_h=-0.5)]))
    assert fault(early).code is DeadLetterCode.FUTURE_HOUR
    early = orjson.loads(weather_bytes("gfs", [run(START, [1.0], delay_h=-1)]))
    assert fault(early).code is DeadLetterCode.FUTURE_HOUR


def test_no_publication_is_later_than_its_arrival_but_for_a_clock_that_is_10_minutes_fast() -> None:
    received_us = RECEIVED_US - 10 * 60 * 1_000_000
    assert read_weather(body(), received_us)
    assert fault(body(), received_us - 1).code is DeadLetterCode.FUTURE_PUBLICATION


@pytest.mark.parametrize("variable", Variable)
def test_every_variable_has_limits_that_are_plausible_values_themselves(variable: Variable) -> None:
    low, high = LIMITS[variable]
    read = read_weather(body(values={variable.value: [low, high]}), RECEIVED_US)
    assert read.values[0].values.tolist() == [low, high]
    assert fault(body(values={variable.value: [high + 1]})).code is DeadLetterCode.ABSURD_VALUE


def test_one_message_holds_one_publication() -> None:
    for other in (run(START + 6, [1.0]), run(START, [1.0], location="odense"), run(START, [1.0, 2.0])):
        with pytest.raises(ValueError, match="one publication"):
            weather_bytes("gfs", [run(START, [1.0]), other])
    with pytest.raises(ValueError, match="twice"):
        weather_bytes("gfs", [run(START, [1.0]), run(START, [2.0])])
    with pytest.raises(ValueError, match="needs the values"):
        weather_bytes("gfs", [])
