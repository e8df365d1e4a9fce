"""From two files to the scoreboard: pollers, a worker, the scoring and the API, on real servers."""

import csv
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from kafka import KafkaConsumer, TopicPartition
from pydantic import SecretStr

from api.app import create_app
from api.settings import ApiSettings
from dayahead.hours import Hour, from_hour, to_hour
from ingest.running import Pollers, load_sources_from, make_reference_scoring
from ingest.settings import IngestSettings
from stream.servers.log_reader import LogMessage
from stream.worker import Worker
from tests.conftest import TopicRoom
from tests.stream.conftest import WorkerRoom, make_room

pytestmark = pytest.mark.servers

LOAD = """
name: load
kind: file
title: Metered load
path: load.csv
time_column: hour
key_columns: [area]
value_column: MWh
unit: MWh
horizon_h: 24
"""
OPERATOR = """
name: operator
kind: file
title: Operator's forecast
attribution: Data of the operator
path: operator.csv
forecast_of: load
published_column: published
time_column: hour
key_columns: [zone]
value_column: forecast
unit: MWh
"""


class Service:
    """Two files, and what reads them."""

    def __init__(self, folder: Path, room: WorkerRoom) -> None:
        self.folder, self.room = folder, room
        (folder / "load.yaml").write_text(LOAD)
        (folder / "operator.yaml").write_text(OPERATOR)
        self.settings = IngestSettings(
            kafka_bootstrap=room.topics.bootstrap,
            topic_prefix=room.topics.prefix,
            database_url=SecretStr(room.database_url),
        )
        self.worker: Worker = room.worker()
        self.worker.assign([0])
        self.position = 0

    def write(self, name: str, header: str, rows: Iterable[Iterable[object]]) -> None:
        with (self.folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([header.split(), *rows])

    def poll(self) -> list[int]:
        """Poll each source once, and let the worker take in the log; returns the rows of each."""
        results, _ = Pollers(load_sources_from([self.folder]), self.settings, attempts=1).once()
        place = TopicPartition(self.room.topics.name("observations"), 0)
        messages: list[LogMessage] = []
        with closing(KafkaConsumer(bootstrap_servers=self.room.topics.bootstrap, enable_auto_commit=False)) as consumer:
            consumer.assign([place])
            consumer.seek(place, self.position)
            end = consumer.end_offsets([place])[place]
            while self.position + len(messages) < end:
                for found in consumer.poll(timeout_ms=500).values():
                    messages += [LogMessage(one.offset, one.value) for one in found]
        self.worker.process(0, messages)
        self.position = end
        return [result.rows for result in results]

    def score(self) -> int:
        with closing(make_reference_scoring(self.settings)) as scoring:
            return scoring.round()


def usual(hour: Hour) -> float:
    return 1000.0 + 100 * (hour % 24)


def test_a_file_of_an_operator_is_read_kept_and_scored_next_to_our_forecast(
    tmp_path: Path, topics: TopicRoom, database_url: str, redis_url: str
) -> None:
    room = make_room(topics, database_url, redis_url, partitions=1)
    service = Service(tmp_path, room)
    now = to_hour(datetime.now(UTC))
    origin, ahead = now - 30, now + 24
    observed = [(from_hour(hour).isoformat(), "DK1", usual(hour)) for hour in range(origin - 60, now)]
    day_before = from_hour(origin - 20).isoformat()
    forecast = [(from_hour(hour).isoformat(), "DK1", usual(hour) + 50.0, day_before) for hour in range(origin, ahead)]
    service.write("load.csv", "hour area MWh", observed[:61])
    service.write("operator.csv", "hour zone forecast published", forecast)
    assert service.poll() == [61, ahead - origin]
    assert service.score() == 0

    # a perfect version of every hour, published after they were over; then the hours themselves
    perfect = [(hour, zone, value - 50.0, from_hour(now).isoformat()) for hour, zone, value, _ in forecast]
    service.write("load.csv", "hour area MWh", observed)
    service.write("operator.csv", "hour zone forecast published", forecast + perfect)
    assert service.poll()[1] == ahead - origin
    assert service.score() > 0

    (ours,) = room.query(
        "SELECT hours, absolute_error, absolute_actual FROM score WHERE origin = %s", [from_hour(origin)]
    )
    (scored,) = room.query(
        "SELECT sum(hours), sum(absolute_error), sum(absolute_actual), sum(reference_error) FROM reference_score"
        " WHERE origin = %s",
        [from_hour(origin)],
    )
    assert scored == (24, pytest.approx(ours[1]), pytest.approx(ours[2]), pytest.approx(24 * 50.0))
    assert ours[0] == 24
    versions = room.query("SELECT count(*) FROM reference_forecast GROUP BY valid_time")
    assert versions == [(2,)] * (ahead - origin)
    # nothing of the reference is a series of ours
    assert room.query("SELECT series_id FROM series") == [("DK1",)]
    assert not room.query("SELECT FROM observation WHERE valid_time >= %s", [from_hour(now)])

    settings = ApiSettings(
        _env_file=None,
        database_url=database_url,
        redis_url=redis_url,
        kafka_bootstrap=topics.bootstrap,
        topic_prefix=topics.prefix,
    )
    with TestClient(create_app(settings)) as client:
        report = client.get("/v1/accuracy/DK1").json()
        shown = client.get("/v1/reference-forecasts/DK1").json()["references"][0]
    [reference] = report["references"]
    assert (reference["source"], reference["title"]) == ("operator", "Operator's forecast")
    assert (reference["hours"], report["accuracy"]["hours"]) == (24, 24)
    assert reference["dayahead_wape_percent"] == report["accuracy"]["wape_percent"]
    assert reference["wape_percent"] == pytest.approx(100 * 24 * 50 / ours[2], abs=1e-5)
    assert (shown["attribution"], shown["value"][-1]) == ("Data of the operator", pytest.approx(usual(ahead - 1)))
    room.close()
