"""What was issued stays issued: a read as of any moment finds the very bytes that were served then."""

from datetime import datetime

import psycopg
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from dayahead.hours import format_utc, from_hour, wall_clock
from dayahead.storage.forecasts import forecast_bytes
from dayahead.storage.tables.forecast import stored_forecast
from dayahead.storage.tables.series import first_known
from stream.servers.probe import Step
from tests.stream.conftest import WorkerRoom
from tests.stream.crashing import Crash, CrashingProbe
from tests.stream.logs import START, batch, in_log, series_of

pytestmark = pytest.mark.servers

SERIES = series_of(0, 1)[0]
LATE, LAST = START + 20, START + 40

LOG = [
    *(batch([(SERIES, hour, 100.0 + hour % 24)], hour + 1) for hour in range(START, LAST + 1) if hour != LATE),
    batch([(SERIES, LATE, 500.0)], LAST + 1),
    batch([(SERIES, LAST, 90.0)], LAST + 2),
    batch([(SERIES, LAST - 1, 95.0)], LAST + 2),
    batch([(SERIES, LAST + 1, 96.0)], LAST + 2),
]
REFRESHES = 3


def test_as_of_gives_the_bytes_that_were_served_before_a_late_row_and_a_revision(room: WorkerRoom) -> None:
    room.send(0, LOG)
    worker = room.worker()
    worker.assign([0])
    served: list[tuple[datetime, bytes]] = []
    for message in in_log(LOG):
        worker.process(0, [message])
        if message.offset >= 24:  # with less history there is no forecast that could be cut
            served.append((wall_clock(), room.redis()[SERIES]))
    assert len({body for _, body in served}) == len(served)
    assert room.query("SELECT count(*) FROM forecast_superseded") == [(REFRESHES,)]
    with psycopg.connect(room.database_url) as connection:
        named = first_known(connection, [SERIES])
        assert named is not None
        for moment, body in served:
            found = stored_forecast(connection, named.series_key, as_of=moment)
            assert found is not None
            assert forecast_bytes(found) == body
        newest = stored_forecast(connection, named.series_key)
        first = stored_forecast(connection, named.series_key, as_of=served[-5][0], origin=from_hour(LAST))
        latest = stored_forecast(connection, named.series_key, origin=from_hour(LAST))
    assert newest is not None
    assert first is not None
    assert latest is not None
    assert forecast_bytes(newest) == served[-1][1]
    assert forecast_bytes(first) == served[-5][1]
    assert forecast_bytes(latest) == served[-2][1]
    settings = ApiSettings(
        _env_file=None,
        database_url=room.database_url,
        redis_url=room.redis_url,
        kafka_bootstrap=room.topics.bootstrap,
        topic_prefix=room.topics.prefix,
    )
    with TestClient(create_app(settings)) as client:
        for moment, body in served:
            answer = client.get(f"/v1/forecasts/{SERIES}", params={"as_of": format_utc(moment)})
            assert answer.content.startswith(body[:-1])


@pytest.mark.parametrize("step", [Step.COMPUTED, Step.COMMITTED])
def test_an_issue_is_superseded_once_whatever_the_crash(room: WorkerRoom, step: Step) -> None:
    room.send(0, LOG)
    first = room.worker()
    first.assign([0])
    first.process(0, in_log(LOG)[:-4])
    before = room.redis()[SERIES]
    crashing = room.worker(CrashingProbe(step))
    crashing.assign([0])
    with pytest.raises(Crash):
        crashing.process(0, in_log(LOG)[-4:-3])
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(LOG)[-4:-3])
    assert room.query("SELECT count(*) FROM forecast_superseded") == [(1,)]
    with psycopg.connect(room.database_url) as connection:
        named = first_known(connection, [SERIES])
        assert named is not None
        [(issued_at,)] = room.query("SELECT issued_at FROM forecast_superseded")
        found = stored_forecast(connection, named.series_key, as_of=issued_at)
    assert found is not None
    assert forecast_bytes(found) == before
