"""The sums of accuracy where retention has removed the scores behind them: each forecast still counts once."""

from datetime import UTC, datetime

import psycopg
import pytest

from dayahead.storage.tables.retention_cut import note_cut
from stream.servers.log_reader import LogMessage
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import START, batch, series_of

pytestmark = pytest.mark.servers

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = START + 120 * 24
"""An hour of another series: 60 days before it, and a chunk of 28, all of the first series is old."""


@pytest.mark.parametrize(("table", "horizon_day"), [("score", 1), ("day_score", 2)])
def test_a_revised_hour_of_a_series_that_lags_does_not_count_its_forecasts_twice(
    room: WorkerRoom, owner_database_url: str, table: str, horizon_day: int
) -> None:
    lagging, other = series_of(0, 2)
    log: list[bytes] = []

    def take_in(*messages: bytes) -> None:
        room.send(0, messages)
        worker.process(0, [LogMessage(len(log) + number, message) for number, message in enumerate(messages)])
        log.extend(messages)

    def forecasts() -> int:
        kept = "SELECT coalesce(sum(forecasts), 0)::int FROM accuracy_day WHERE horizon_day = %s"
        return room.query(kept, [horizon_day])[0][0]

    worker = room.worker()
    worker.assign([0])
    take_in(*[batch([(lagging, START + hour, 100.0 + hour % 24)], START + hour + 1) for hour in range(90)])
    scored = forecasts()
    assert scored == room.query(f"SELECT count(*)::int FROM {table}")[0][0] > 15
    take_in(batch([(other, LATER, 1.0)], LATER + 1))
    # as earlier versions did: they counted the days from the newest hour of any series
    with psycopg.connect(owner_database_url, autocommit=True) as connection:
        note_cut(connection, table, NOW)
        connection.execute(f"DELETE FROM {table}".encode())
    assert room.query(f"SELECT count(*)::int FROM {table}") == [(0,)]
    assert forecasts() == scored

    take_in(batch([(lagging, START + 70, 222.0)], START + 95))
    assert forecasts() == scored
    take_in(batch([(lagging, START + 70, 111.0)], START + 96))
    assert forecasts() == scored
    # what was never scored counts, however old it is
    take_in(batch([(lagging, START + 90, 100.0)], START + 97))
    assert forecasts() == scored + 1
