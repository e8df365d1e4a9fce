"""What worker tests put into `observations`."""

import math
import random
from collections.abc import Sequence

import orjson

from dayahead.hours import Hour, format_utc, from_hour
from dayahead.series import partition_of
from dayahead.source import Source
from dayahead.weather.message import weather_bytes
from dayahead.weather.places import WeatherPlaces
from dayahead.weather.values import Variable
from stream.servers.log_reader import LogMessage
from tests.dayahead.weather.publications import observed, run

PARTITIONS = 2
SOURCE = Source(
    name="test",
    kind="energi-data-service",
    title="Test",
    url="http://127.0.0.1:1/",
    dataset="Test",
    time_column="HourUTC",
    key_columns=["Area", "Kind"],
    value_column="kWh",
    unit="kWh",
    local_time_zone="Europe/Copenhagen",
    country="DK",
    weather=WeatherPlaces(source="gfs", default="aarhus", areas={"DK2": {"aarhus": 0.25, "odense": 0.75}}),
)
START: Hour = 465_000
"""2023-01-18T00:00Z, the first hour of test data."""


def series_of(partition: int, count: int, partitions: int = PARTITIONS) -> list[str]:
    """Ids of series that belong to a partition."""
    candidates = (f"{area}/{number}" for number in range(1000) for area in ("DK1", "DK2"))
    return [one for one in candidates if partition_of(one, partitions) == partition][:count]


def batch(rows: Sequence[tuple[str, Hour, object]], available: Hour, *, refresh: bool = True) -> bytes:
    """A message of `observations`."""
    return orjson.dumps(
        {
            "source": SOURCE.name,
            "available_at": format_utc(from_hour(available)),
            "refresh": refresh,
            "rows": [[series_id, format_utc(from_hour(hour)), value] for series_id, hour, value in rows],
        }
    )


def eventful_log(partition: int, hours: int = 66, partitions: int = PARTITIONS) -> list[bytes | None]:
    """Hours of three series with everything that happens: late, twice, revised, of old, out of place, and rubbish.

    Between them weather comes, the same in every partition. With 66 hours, day 2 of the horizon of some forecasts
    matures.
    """
    ids = series_of(partition, 3, partitions)
    stranger = series_of((partition + 1) % partitions, 1, partitions)[0]
    chance = random.Random(partition)
    log: list[bytes | None] = [
        batch([(ids[0], START + hour, 90.0 + hour % 24) for hour in range(26)], START + 30, refresh=False),
        None,
        b'{"source": "test", "available_at":',
    ]
    for hour in range(START + 26, START + 26 + hours):
        value = 100 + 30 * math.sin(hour / 4)
        rows: list[tuple[str, Hour, object]] = [(one, hour, round(value + place, 2)) for place, one in enumerate(ids)]
        if chance.random() < 0.2:
            del rows[chance.randrange(3)]
        if chance.random() < 0.3:
            rows.append((ids[chance.randrange(3)], hour - chance.randrange(1, 30), float(chance.randrange(90, 110))))
        if chance.random() < 0.1:
            rows.append((ids[1], hour - 912 - chance.randrange(3), 77.0))
        if chance.random() < 0.2:
            rows += [(ids[2], hour, None), (stranger, hour, 1.0), (ids[0], hour, "many")]
        log.append(batch(rows, hour + chance.randrange(1, 3)))
        if chance.random() < 0.2:
            log.append(log[-1])
        log += weather_known_at(hour)
    return log


def rows_only(log: Sequence[bytes | None]) -> list[bytes | None]:
    """A log without its weather, so that one batch may hold all of it."""
    return [message for message in log if b'"weather"' not in (message or b"")]


def weather_known_at(hour: Hour) -> list[bytes | None]:
    """Messages of weather that come in an hour: a run of two places a quarter of a day, some late, twice or broken."""
    start, chance = hour - 5, random.Random(hour)
    if start % 6:
        return []
    forecast = [round(8 + 6 * math.sin(one / 3.8) + chance.gauss(), 2) for one in range(start, start + 72)]
    missing = [math.nan if chance.random() < 0.1 else value for value in forecast]
    humid = run(start, [80.0] * 72, variable=Variable.HUMIDITY)
    messages: list[bytes | None] = [
        weather_bytes("gfs", [run(start, forecast), humid]),
        weather_bytes("gfs", [run(start, missing, location="odense")]),
        weather_bytes("gfs", [observed(hour - 6, [value + 0.5 for value in forecast[:6]])]),
    ]
    if chance.random() < 0.3:
        messages.append(weather_bytes("gfs", [run(start - 6, forecast, delay_h=11)]))
    if chance.random() < 0.3:
        messages += [messages[0], b'{"weather": "gfs", "location": "aarhus"}']
    return messages


def in_log(messages: Sequence[bytes | None], start: int = 0) -> list[LogMessage]:
    """Messages as they stand in a log that holds nothing else."""
    return [LogMessage(offset, value) for offset, value in enumerate(messages, start)]
