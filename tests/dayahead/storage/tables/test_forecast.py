"""What is read back of table `forecast` is what was written, to the bit, however many leads a row holds."""

from collections.abc import Iterator

import numpy as np
import psycopg
import pytest

from dayahead.contracts import Rung
from dayahead.hours import from_hour, from_microseconds
from dayahead.storage.tables.forecast import ForecastRows, read_forecasts, read_newest_forecasts, read_unconfirmed

pytestmark = pytest.mark.servers

ORIGIN = 465_000
ISSUED_US = 1_700_000_000_123_456


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, options="-c timezone=UTC") as one:
        yield one


def leads_of(key: int) -> int:
    """Series of several horizons; those of 24 leads are written as before there were others."""
    return {1: 24, 2: 50, 3: 72, 70_000: 408}[key]


def values(key: int, origin: int) -> list[float]:
    rng = np.random.default_rng([key, origin])
    return [float(value) for value in rng.normal(100, 50, leads_of(key)).astype(np.float32)]


def floor_days_of(key: int) -> int:
    return 0 if leads_of(key) == 24 else key % 4 << 1


def write(connection: psycopg.Connection, key: int, origin: int, release: str | None, rung: Rung, offset: int) -> None:
    p50 = [] if rung is Rung.NONE else values(key, origin)
    connection.execute(
        "INSERT INTO forecast (series_key, origin, issued_at, release, rung, reasons, p50, p10, p90, message_offset)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s::real[], %s::real[], %s::real[], %s)",
        [
            key,
            from_hour(origin),
            from_microseconds(ISSUED_US + key),
            release,
            int(rung),
            2 * key,
            p50,
            [value - 1 for value in p50],
            [value + 1 for value in p50],
            offset,
        ],
    )
    if floor_days := floor_days_of(key):
        connection.execute(
            "UPDATE forecast SET floor_days = %s WHERE series_key = %s AND origin = %s",
            [floor_days, key, from_hour(origin)],
        )


def check(rows: ForecastRows, written: dict[tuple[int, int], tuple[str | None, Rung, int]]) -> None:
    assert sorted(zip(rows.series_key.tolist(), rows.origin.tolist(), strict=True)) == sorted(written)
    for place, pair in enumerate(zip(rows.series_key.tolist(), rows.origin.tolist(), strict=True)):
        release, rung, offset = written[pair]
        assert (rows.release[place], rows.rung[place], rows.message_offset[place]) == (release, rung, offset)
        assert (rows.issued_us[place], rows.reasons[place]) == (ISSUED_US + pair[0], 2 * pair[0])
        assert (rows.floor_days[place], rows.leads[place]) == (
            floor_days_of(pair[0]),
            0 if rung is Rung.NONE else leads_of(pair[0]),
        )
        expected = np.full(rows.p50.shape[1], np.nan, np.float32)
        expected[: rows.leads[place]] = values(*pair)[: rows.leads[place]]
        np.testing.assert_array_equal(rows.p50[place], expected)
        np.testing.assert_array_equal(rows.p10[place], expected - np.float32(1))
        np.testing.assert_array_equal(rows.p90[place], expected + np.float32(1))


WRITTEN: dict[tuple[int, int], tuple[str | None, Rung, int]] = {
    (1, ORIGIN): ("r-a", Rung.FULL, 10),
    (1, ORIGIN + 1): ("r-b", Rung.DEGRADED_INPUT, 11),
    (2, ORIGIN): (None, Rung.PROFILE, 10),
    (3, ORIGIN): (None, Rung.NONE, 12),
    (3, ORIGIN + 2): ("r-b", Rung.FULL, 13),
    (70_000, ORIGIN - 1000): ("r-a", Rung.PREVIOUS_RELEASE, 5),
}


@pytest.fixture
def filled(connection: psycopg.Connection) -> psycopg.Connection:
    for pair, (release, rung, offset) in WRITTEN.items():
        write(connection, *pair, release, rung, offset)
    return connection


def test_forecasts_of_several_origins_are_read_as_they_were_written(filled: psycopg.Connection) -> None:
    wanted = [*WRITTEN, (2, ORIGIN + 1), (9, ORIGIN)]
    keys, origins = (np.array(part) for part in zip(*wanted, strict=True))
    check(read_forecasts(filled, keys, origins), WRITTEN)
    check(read_forecasts(filled, keys[:1], origins[:1]), {wanted[0]: WRITTEN[wanted[0]]})
    check(read_forecasts(filled, keys[:0], origins[:0]), {})


def test_the_newest_forecast_of_each_series_is_found(filled: psycopg.Connection) -> None:
    newest = {pair: WRITTEN[pair] for pair in [(1, ORIGIN + 1), (2, ORIGIN), (3, ORIGIN + 2), (70_000, ORIGIN - 1000)]}
    check(read_newest_forecasts(filled, np.array([1, 2, 3, 4, 70_000])), newest)


def test_what_may_not_have_been_sent_out_comes_oldest_origin_first(filled: psycopg.Connection) -> None:
    rows = read_unconfirmed(filled, np.array([1, 2, 3, 70_000]), 10, ORIGIN)
    check(rows, {pair: row for pair, row in WRITTEN.items() if row[2] >= 10})
    assert rows.origin.tolist() == sorted(rows.origin.tolist())
