"""What a worker does with history that a real backfill publishes, and with hours that come together."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import orjson
import pytest
from prometheus_client import REGISTRY

from dayahead.hours import format_utc, from_hour
from dayahead.models.serving.release import Release
from dayahead.publisher import Publisher, kafka_producer
from dayahead.reading.kinds.file import FileSource
from dayahead.source import Source
from dayahead.storage.database import connect
from ingest.backfill import Backfiller
from tests.dayahead.conftest import consumption
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import SOURCE, START, batch, in_log, series_of
from tests.stream.ownership.test_releases import crown, record_of
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

HOURS = 40 * 24


def a_file(folder: Path, ids: list[str]) -> Source:
    """Forty days of some series in a file, as a source of the test's labels."""
    values = np.round(consumption(len(ids), HOURS), 3)
    lines = ["HourUTC,Area,Kind,kWh"]
    for place, series_id in enumerate(ids):
        area, kind = series_id.split("/")
        lines += [f"{format_utc(from_hour(START + h))},{area},{kind},{values[place, h]}" for h in range(HOURS)]
    path = folder / "history.csv"
    path.write_text("\n".join(lines) + "\n")
    return SOURCE.model_copy(update={"path": path})


def test_after_a_backfill_every_series_has_a_forecast_of_the_champion_without_a_new_hour(
    room: WorkerRoom, small_release: Release, tmp_path: Path
) -> None:
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    ids = [*series_of(0, 2), *series_of(1, 2)]
    source = a_file(tmp_path, ids)
    room.start()
    with (
        Publisher(lambda: kafka_producer(room.topics.bootstrap), room.topics.prefix) as publisher,
        closing(connect(room.database_url, autocommit=True)) as connection,
    ):
        now = from_hour(START + HOURS) + timedelta(hours=1)
        Backfiller(
            source=source, reader=FileSource(source), publisher=publisher, connection=connection, clock=lambda: now
        ).run(START, START + HOURS)
    wait_until(lambda: len(room.newest_forecasts()) == len(ids), 60, "a forecast of every series")
    newest = [orjson.loads(value) for value in room.newest_forecasts().values()]
    assert {one["origin"] for one in newest} == {format_utc(from_hour(START + HOURS - 1))}
    assert {one["release"] for one in newest} == {small_release.release_id}
    # history itself is not forecast
    assert len(room.all_forecasts()) == len(ids)


def unforecast() -> dict[str, float]:
    reasons = ("together", "late", "no_refresh")
    name = "dayahead_origins_without_forecast_total"
    return {reason: REGISTRY.get_sample_value(name, {"reason": reason}) or 0.0 for reason in reasons}


def test_hours_without_a_forecast_of_their_own_are_counted_by_why(room: WorkerRoom) -> None:
    one = series_of(0, 1)[0]
    quiet = [(one, START + hour, 1.0 + hour) for hour in range(48)]
    together = [(one, START + hour, 1.0 + hour) for hour in range(50, 74)]
    late: list[tuple[str, int, object]] = [(one, START + 48, 1.0), (one, START + 74, 2.0)]
    revised = [(one, START + 60, 9.0)]
    log = [
        batch(quiet, START + 50, refresh=False),
        batch(together, START + 75),
        batch(late, START + 76),
        batch(revised, START + 77),
        batch(revised, START + 77),
    ]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    before = unforecast()
    worker.process(0, in_log(log))
    counted = {reason: count - before[reason] for reason, count in unforecast().items()}
    assert counted == {"no_refresh": 48, "together": 23, "late": 1}
    assert len(room.all_forecasts()) == 2
