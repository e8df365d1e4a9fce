"""Seconds from the start of a worker to its first new forecast: `make benchmark B=recovery ARGS='--series 10000'`.

A worker has all series and ends; a new hour of all series waits when the next one starts. Four ways: `warm` after an
end in good order, with Redis as it was; `cold` the same with Redis emptied; `killed` by SIGKILL, with Redis as it was,
where Kafka gives the partitions away only when the session of the dead has timed out
(DAYAHEAD_WORKER_SESSION_TIMEOUT_S); `named` killed as well, but it comes back under its own name
(DAYAHEAD_WORKER_INSTANCE). Prints, for each, the seconds until the first new forecast is in TimescaleDB and until all
are, then a JSON line.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import orjson
import psycopg
import redis
import typer

from benchmarks.made_up_load import START, messages, shipped_release
from benchmarks.running_worker import RunningWorker, until
from benchmarks.worker_room import WorkerRoom, worker_room
from dayahead.hours import Hour, from_hour
from dayahead.models.serving.release import Release
from stream.ownership.window_copy import PREFIX
from stream.settings import WorkerSettings

HISTORY_H = 28 * 24


def main(
    series: Annotated[int, typer.Option(min=10, help="Series")] = 10_000,
    *,
    release: Annotated[Path | None, typer.Option(help="Artifact of a release; else one is fitted")] = None,
) -> None:
    """Measure the starts of a worker after an end in good order, without Redis, and after a kill."""
    with worker_room(series) as room:
        room.promote(Release.from_bytes(release.read_bytes()) if release else shipped_release())
        end = START + HISTORY_H
        room.load_history(START, end)
        worker = room.start_worker()
        until(lambda: room.sent_out() >= series, "the first forecasts of all series", worker)
        load = os.getloadavg()[0]
        figures: dict[str, float] = {}
        for number, (name, ending) in enumerate({"warm": _end, "cold": _end_and_empty, "killed": _kill}.items()):
            began = time.perf_counter()
            ending(room, worker)
            if ending is not _kill:
                figures[f"{name}_end_s"] = time.perf_counter() - began
            figures[f"{name}_s"], figures[f"{name}_all_s"], worker = _start(room, end + number)
        _end(room, worker)
        *_, worker = _start(room, end + 3, worker_instance="benchmark")
        _kill(room, worker)
        figures["named_s"], figures["named_all_s"], worker = _start(room, end + 4, worker_instance="benchmark")
        line = {
            "series": series,
            **{name: round(seconds, 2) for name, seconds in figures.items()},
            "session_timeout_s": WorkerSettings.model_fields["worker_session_timeout_s"].default,
            "peak_rss_gb": round(worker.peak_gb(), 3),
            "load_before": round(load, 1),
        }
    print(f"{series} series, seconds from the start to the first new forecast, and to all of the waiting hour:")
    for name in ("warm", "cold", "killed", "named"):
        print(f"  {name:7}{line[f'{name}_s']:8.2f}{line[f'{name}_all_s']:8.2f}")
    print(orjson.dumps(line).decode())


def _end(_: WorkerRoom, worker: RunningWorker) -> None:
    worker.process.terminate()
    worker.process.wait()


def _end_and_empty(room: WorkerRoom, worker: RunningWorker) -> None:
    _end(room, worker)
    with redis.Redis.from_url(room.redis_url) as client:
        client.flushall()


def _kill(room: WorkerRoom, worker: RunningWorker) -> None:
    """Kill a worker that has run for long enough to have copied its windows."""
    with redis.Redis.from_url(room.redis_url) as client:
        until(lambda: len(list(client.scan_iter(PREFIX + "*"))) >= room.partitions, "copies of the windows", worker)
    worker.process.kill()
    worker.process.wait()


def _start(room: WorkerRoom, hour: Hour, **settings: object) -> tuple[float, float, RunningWorker]:
    """Start a worker for which an hour waits; seconds until its first forecast, until all, and the worker."""
    taken_in = room.taken_in()
    waiting = list(messages(room.load, hour, hour + 1, refresh=True))
    room.send(waiting)
    began = time.perf_counter()
    worker = room.start_worker(**settings)
    with psycopg.connect(room.database_url, autocommit=True) as connection:
        until(_any_of(connection, hour), "the first new forecast", worker)
    first_s = time.perf_counter() - began
    until(lambda: room.taken_in() == taken_in + len(waiting), "the forecasts of all series", worker)
    return first_s, time.perf_counter() - began, worker


def _any_of(connection: psycopg.Connection, hour: Hour) -> Callable[[], bool]:
    """Whether there is a forecast of an hour. The index answers the query, which runs on the same cores."""

    def there() -> bool:
        newest = connection.execute("SELECT origin FROM forecast ORDER BY origin DESC LIMIT 1").fetchone()
        return newest is not None and newest[0] >= from_hour(hour)

    return there


if __name__ == "__main__":
    typer.run(main)
