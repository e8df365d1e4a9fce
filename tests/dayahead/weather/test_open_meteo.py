"""Kind open-meteo against a server that answers as Open-Meteo does."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import yaml
from pydantic import SecretStr

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable
from dayahead.hours import from_hour, to_hour, to_microseconds
from dayahead.reading.http.budget import Budgets
from dayahead.reading.source_kind import Surroundings
from dayahead.weather.open_meteo_api import base_url, seconds_until_allowed
from dayahead.weather.source_file import weather_kind_of, weather_source_of
from dayahead.weather.values import Variable, WeatherKind, WeatherValues
from dayahead.weather.weather_kind import WeatherReader
from tests.dayahead.reading.kinds.conformance.loopback import CUT, RESET, Loopback, serving
from tests.dayahead.reading.kinds.conformance.stand_in import Response
from tests.dayahead.weather.open_meteo_stand_in import OpenMeteoStandIn, celsius, watts
from tests.ingest.building import CHECKOUT, ManualTime

START = datetime(2026, 7, 1, 6, tzinfo=UTC)
NOW = START + timedelta(hours=4, minutes=30)
HOUR = timedelta(hours=1)
SHIPPED = CHECKOUT / "ingest" / "weather-sources"
KEY = "cust-0mer+key/1234"
LATITUDES = {"aarhus": 56.25, "odense": 55.5}


@dataclass
class Room:
    """A server with its source."""

    server: Loopback
    publisher: OpenMeteoStandIn
    address: str
    resources: ExitStack
    time: ManualTime = field(default_factory=ManualTime)
    budgets: Budgets = field(init=False)

    def __post_init__(self) -> None:
        self.budgets = Budgets(monotonic=self.time.monotonic)

    def reader(self, secret: str | None = None, **changes: Any) -> WeatherReader:
        given = {
            "name": "denmark",
            "kind": "open-meteo",
            "title": "ICON-EU",
            "url": self.address,
            "model": "icon_eu",
            "metadata": "dwd_icon_eu",
            "locations": {name: {"latitude": north, "longitude": 10} for name, north in LATITUDES.items()},
            "variables": ["temperature_c"],
            "delay_h": 4,
            "horizon_h": 48,
            "history_h": 48,
            **changes,
        }
        return self.reader_of(given, secret)

    def reader_of(self, given: Mapping[str, Any], secret: str | None = None) -> WeatherReader:
        source = weather_source_of(given)
        surroundings = Surroundings(
            clock=lambda: self.publisher.now,
            pause=self.time.pause,
            resources=self.resources,
            request_timeout_s=20,
            answer_timeout_s=60,
            keys={"open_meteo": SecretStr(secret)} if secret else {},
            budgets=self.budgets,
        )
        return weather_kind_of(source).reader(source, surroundings)


@pytest.fixture
def room() -> Iterator[Room]:
    runs = {START - timedelta(hours=6 * back): START - timedelta(hours=6 * back - 4) for back in range(200)}
    publisher = OpenMeteoStandIn(NOW, runs)
    with serving(publisher.answer) as (address, server), ExitStack() as resources:
        yield Room(server, publisher, address, resources)


def only(publications: Any, location: str, start: datetime = START) -> WeatherValues:
    (found,) = [
        one
        for publication in publications
        for one in publication
        if (one.location, one.start) == (location, to_hour(start)) and one.variable is Variable.TEMPERATURE
    ]
    return found


def middle(name: str, run: datetime, hours: int, first: datetime | None = None) -> list[float]:
    """Means of hours: between two instants the temperature is a straight line."""
    first = first or run
    return [
        (celsius(LATITUDES[name], run, first + hour * HOUR) + celsius(LATITUDES[name], run, first + (hour + 1) * HOUR))
        / 2
        for hour in range(hours)
    ]


def test_an_hour_of_the_newest_run_is_the_mean_of_the_instants_at_its_start_and_end(room: Room) -> None:
    news = room.reader().news(to_hour(START) - 6, NOW)
    for name in LATITUDES:
        run = only(news, name)
        assert run.kind is WeatherKind.RUN
        assert run.first == run.start
        np.testing.assert_allclose(run.values, middle(name, START, 48), rtol=1e-6)
        assert run.available_us == to_microseconds(NOW)


def test_a_radiation_of_the_api_is_the_mean_of_the_hour_before_its_time(room: Room) -> None:
    reader = room.reader(variables=["temperature_c", "shortwave_radiation_w_m2"])
    publication = next(one for one in reader.news(to_hour(START) - 6, NOW) if one[0].location == "odense")
    radiation = next(one for one in publication if one.variable is Variable.RADIATION)
    assert radiation.first == to_hour(START)
    expected = [watts(START + hour * HOUR + HOUR / 2) for hour in range(48)]
    np.testing.assert_allclose(radiation.values, expected, rtol=1e-6)


def test_other_units_than_those_asked_for_are_converted(room: Room) -> None:
    room.publisher.fahrenheit = True
    reader = room.reader(variables=["temperature_c", "wind_speed_m_s", "relative_humidity_pct"])
    publication = next(one for one in reader.news(to_hour(START) - 6, NOW) if one[0].location == "aarhus")
    by_variable = {one.variable: one.values for one in publication}
    np.testing.assert_allclose(by_variable[Variable.TEMPERATURE], middle("aarhus", START, 48), rtol=1e-5)
    np.testing.assert_allclose(by_variable[Variable.WIND_SPEED], 10.0, rtol=1e-6)
    np.testing.assert_allclose(by_variable[Variable.HUMIDITY], 80.0)


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("open-meteo-*.yaml")), ids=lambda file: file.stem)
def test_a_shipped_source_reads_every_variable_of_every_location(room: Room, file: Path) -> None:
    given = {**yaml.safe_load(file.read_text()), "url": room.address}
    news = room.reader_of(given).news(None, NOW)
    run = [publication for publication in news if publication[0].start == to_hour(START)]
    assert [one[0].location for one in run] == sorted(given["locations"])
    for publication in run:
        assert {one.variable.value for one in publication} == set(given["variables"])
        assert all(np.isfinite(one.values).all() for one in publication)
        assert len(publication[0].values) == given["horizon_h"]
    assert len({publication[0].start for publication in news}) > 180  # a window and eight days, four runs a day


def test_a_single_location_is_read_too(room: Room) -> None:
    reader = room.reader(locations={"aarhus": {"latitude": 56.25, "longitude": 10}})
    assert [one[0].location for one in reader.news(to_hour(START) - 6, NOW)] == ["aarhus"]


def test_the_first_poll_fills_the_past_with_the_first_hours_of_each_run(room: Room) -> None:
    news = room.reader().news(None, NOW)
    runs = sorted(one.start for publication in news for one in publication if one.location == "odense")
    first = to_hour(NOW) - 48
    assert runs == list(range(runs[0], to_hour(START) + 1, 6))
    assert first <= runs[0] < first + 6
    before = START - timedelta(hours=6)
    joined = only(news, "odense", before)
    assert len(joined.values) == 6
    # the instant at the end of its last hour is that of the next run
    np.testing.assert_allclose(joined.values[:5], middle("odense", before, 5), rtol=1e-6)


def test_runs_that_were_missed_are_filled_and_the_newest_is_read_whole(room: Room) -> None:
    news = room.reader().news(to_hour(START) - 18, NOW)
    starts = [publication[0].start for publication in news if publication[0].location == "aarhus"]
    assert starts == [to_hour(START) - 12, to_hour(START) - 6, to_hour(START)]
    assert len(only(news, "aarhus").values) == 48


def test_no_request_is_sent_before_a_run_is_due(room: Room) -> None:
    assert room.reader().news(to_hour(START), NOW) == []
    assert room.server.requests == []


@pytest.mark.parametrize("metadata", ["dwd_icon_eu", None])
def test_a_run_that_is_due_and_not_there_yet_is_no_error(room: Room, metadata: str | None) -> None:
    room.publisher.runs[START] = NOW + HOUR
    assert room.reader(metadata=metadata).news(to_hour(START) - 6, NOW) == []


def test_a_run_that_only_some_servers_have_yet_is_waited_for(room: Room) -> None:
    room.publisher.runs[START] = NOW - timedelta(minutes=5)
    reader = room.reader()
    assert reader.news(to_hour(START) - 6, NOW) == []
    assert reader.news(to_hour(START) - 6, NOW + timedelta(minutes=6))


def test_without_metadata_the_run_is_asked_for_by_its_start(room: Room) -> None:
    run = only(room.reader(metadata=None).news(to_hour(START) - 6, NOW), "aarhus")
    np.testing.assert_allclose(run.values, middle("aarhus", START, 48), rtol=1e-6)
    assert room.server.requests[0].query["run"] == ["2026-07-01T06:00"]


def test_without_metadata_an_older_run_is_read_while_the_newest_is_not_there(room: Room) -> None:
    room.publisher.runs[START] = NOW + HOUR
    news = room.reader(metadata=None).news(to_hour(START) - 12, NOW)
    assert {publication[0].start for publication in news} == {to_hour(START) - 6}


def test_a_run_that_turns_out_to_be_missing_while_the_server_answers_is_not_there_yet(room: Room) -> None:
    room.publisher.runs[START], room.publisher.late = NOW + HOUR, True
    assert room.reader(metadata=None).news(to_hour(START) - 6, NOW) == []


def test_nulls_beyond_the_horizon_of_the_model_are_left_out(room: Room) -> None:
    room.publisher.horizon_h = 30
    assert len(only(room.reader(metadata=None).news(to_hour(START) - 6, NOW), "aarhus").values) == 30


def test_a_run_that_is_there_for_some_locations_alone_is_read_again_later(room: Room) -> None:
    reader = room.reader(metadata=None)
    reader.news(to_hour(START) - 6, NOW)
    document = orjson.loads(room.publisher.answer(room.server.requests[-1]).body)
    document[1]["hourly"]["temperature_2m"] = [None] * len(document[1]["hourly"]["time"])
    room.server.faults.append(Response(orjson.dumps(document)))
    with pytest.raises(SourceUnavailable, match="no temperature_c for odense"):
        reader.news(to_hour(START) - 6, NOW)


def test_the_answer_of_yesterday_is_refused(room: Room) -> None:
    reader = room.reader(metadata=None)
    reader.news(to_hour(START) - 6, NOW)
    yesterday = room.publisher.answer(room.server.requests[-1])
    room.publisher.now += timedelta(days=1)
    room.publisher.runs[START + timedelta(days=1)] = START + timedelta(days=1, hours=4)
    room.server.faults.append(yesterday)
    with pytest.raises(SourceUnavailable, match="other hours than those asked for"):
        reader.news(to_hour(START) + 18, NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Response(b"<html>maintenance</html>"), "no JSON"),
        (CUT, "cannot be reached"),
        (RESET, "cannot be reached"),
        (Response(b'{"error":true,"reason":"The service is overloaded"}', 503), "overloaded"),
        (Response(b'{"latitude": 56.25}'), "1 locations where 2"),
        (Response(b'[{"latitude": 56.25}, {}]'), "no `hourly`"),
    ],
)
def test_an_answer_that_is_none_may_be_asked_for_again(room: Room, fault: Response, words: str) -> None:
    room.server.faults.append(fault)
    reader = room.reader(metadata=None)
    with pytest.raises(SourceUnavailable, match=words):
        reader.news(to_hour(START) - 6, NOW)
    assert reader.news(to_hour(START) - 6, NOW)


def test_a_temperature_that_no_place_has_is_refused_with_its_value(room: Room) -> None:
    reader = room.reader(metadata=None)
    reader.news(to_hour(START) - 6, NOW)
    document = orjson.loads(room.publisher.answer(room.server.requests[-1]).body)
    document[1]["hourly"]["temperature_2m"][3] = 451.0
    room.server.faults.append(Response(orjson.dumps(document)))
    with pytest.raises(SourceUnavailable, match="`temperature_2m` of 451, beyond -90 to 60, for location odense"):
        reader.news(to_hour(START) - 6, NOW)


@pytest.mark.parametrize(("name", "wait_s"), [("Minutely", 61), ("Hourly", 30 * 60 + 1), ("Daily", 13.5 * 3600 + 1)])
def test_a_limit_that_is_used_up_stops_all_requests_until_it_starts_again(room: Room, name: str, wait_s: float) -> None:
    room.publisher.limit, room.publisher.limit_name = 0, name
    reader = room.reader(metadata=None)
    with pytest.raises(SourceUnavailable, match=f"{name} API request limit exceeded") as raised:
        reader.news(to_hour(START) - 6, NOW)
    assert raised.value.cause == "rate_limited"
    assert raised.value.retry_after_s == pytest.approx(wait_s)
    sent = len(room.server.requests)
    if name != "Minutely":  # a wait of up to two minutes is waited for
        with pytest.raises(SourceUnavailable, match="used up"):
            room.reader(metadata=None).news(to_hour(START) - 6, NOW)
        assert len(room.server.requests) == sent


def test_too_many_requests_at_once_are_tried_again_soon() -> None:
    assert seconds_until_allowed("Too many concurrent requests", NOW) <= 1


def test_a_call_counts_once_for_each_of_its_locations(room: Room) -> None:
    room.reader(metadata=None, rate="2/minute").news(to_hour(START) - 6, NOW)
    assert sum(room.time.pauses) == 0
    room.reader(metadata=None, rate="2/minute").news(to_hour(START) - 6, NOW)
    assert sum(room.time.pauses) >= 60


def test_a_refused_key_is_named_and_never_shown(room: Room) -> None:
    room.publisher.key = "another one"
    with pytest.raises(SourceRefused, match="DAYAHEAD_SOURCE_KEYS__OPEN_METEO") as raised:
        room.reader(KEY, key="open_meteo", metadata=None).news(to_hour(START) - 6, NOW)
    assert KEY not in str(raised.value)


def test_an_accepted_key_is_sent_with_each_request(room: Room) -> None:
    room.publisher.key = KEY
    assert room.reader(KEY, key="open_meteo").news(to_hour(START) - 6, NOW)
    assert all(request.query["apikey"] == [KEY] for request in room.server.requests)


def test_a_key_that_is_not_set_is_asked_for_by_its_variable(room: Room) -> None:
    with pytest.raises(SettingsError, match="DAYAHEAD_SOURCE_KEYS__OPEN_METEO"):
        room.reader(key="open_meteo")


def test_an_unknown_model_is_refused_with_the_reason_and_what_to_check(room: Room) -> None:
    with pytest.raises(SourceRefused, match=r"answered 400: .*icon_nowhere.*Check model"):
        room.reader(metadata=None, model="icon_nowhere").news(to_hour(START) - 6, NOW)


def test_the_archive_has_each_run_as_it_was_and_leaves_out_one_that_is_missing(room: Room) -> None:
    missing = START - timedelta(hours=12)
    del room.publisher.runs[missing]
    reader = room.reader(locations={"odense": {"latitude": 55.5, "longitude": 10}})
    archived = reader.archive(to_hour(START) - 24, to_hour(START))
    assert [from_hour(one[0].start) for one in archived] == [START - timedelta(hours=back) for back in (24, 18, 6)]
    for publication in archived:
        start = from_hour(publication[0].start)
        assert publication[0].available_us == to_microseconds(start + timedelta(hours=4))
        np.testing.assert_allclose(publication[0].values, middle("odense", start, 48), rtol=1e-6)


def test_previous_runs_never_know_more_than_was_known_at_the_start(room: Room) -> None:
    reader = room.reader(archive="previous-runs", locations={"odense": {"latitude": 55.5, "longitude": 10}})
    (archived,) = reader.archive(to_hour(START) - 24, to_hour(START) - 23)
    start = START - timedelta(hours=24)
    values = archived[0].values
    assert (from_hour(archived[0].start), len(values)) == (start, 48)
    # the forecasts of an hour come from the newest run that is a day older than the hour, or two days
    for hour in (0, 5, 10, 20, 30, 46):
        moment = start + hour * HOUR
        days = 1 if hour < 24 else 2
        run = max(one for one in room.publisher.runs if one <= moment - timedelta(days=days))
        assert run < start
        later = max(one for one in room.publisher.runs if one <= moment + HOUR - timedelta(days=days))
        expected = (celsius(55.5, run, moment) + celsius(55.5, later, moment + HOUR)) / 2
        assert values[hour] == pytest.approx(expected, rel=1e-6)


def test_historical_forecasts_count_as_observed_and_are_available_after_their_day(room: Room) -> None:
    reader = room.reader(archive="historical-forecast", locations={"odense": {"latitude": 55.5, "longitude": 10}})
    midnight = datetime(2026, 6, 28, tzinfo=UTC)
    archived = reader.archive(to_hour(midnight), to_hour(midnight) + 48)
    assert [one[0].kind for one in archived] == [WeatherKind.OBSERVED] * 2
    assert [len(one[0].values) for one in archived] == [24, 24]
    assert archived[0][0].available_us == to_microseconds(midnight + timedelta(days=1, hours=4))


def test_each_api_has_its_own_host_and_a_customer_another_one() -> None:
    url = "https://api.open-meteo.com/"
    assert base_url(url, "", is_customer=False) == "https://api.open-meteo.com"
    assert base_url(url, "single-runs", is_customer=False) == "https://single-runs-api.open-meteo.com"
    assert base_url(url, "previous-runs", is_customer=True) == "https://customer-previous-runs-api.open-meteo.com"
    assert base_url("http://weather.local:8080/", "single-runs", is_customer=False) == "http://weather.local:8080/"
    assert base_url("https://not-open-meteo.com/", "", is_customer=False) == "https://not-open-meteo.com/"
