"""Seconds from the start of a worker to its first new forecast: `make benchmark B=recovery ARGS='--series 10000'`.

The worker has all series, is asked to end, and starts again while one message waits: warm, with Redis as it was, and
cold, with Redis emptied. (After a kill, Kafka gives its partitions away only when its session has timed out:
DAYAHEAD_WORKER_SESSION_TIMEOUT_S more.) Prints a sentence, then a JSON line.
"""

import os
import time
from pathlib import Path
from typing import Annotated

import orjson
import redis
import typer
from made_up_load import START, messages, shipped_release
from running_worker import RunningWorker, until
from worker_room import WorkerRoom, worker_room

from dayahead.models.release import Release

HISTORY_H = 28 * 24


def main(
    series: Annotated[int, typer.Option(min=10, help="Series")] = 10_000,
    *,
    release: Annotated[Path | None, typer.Option(help="Artifact of a release; else one is fitted")] = None,
) -> None:
    """Measure a warm and a cold start of a worker."""
    with worker_room(series) as room:
        room.promote(Release.from_bytes(release.read_bytes()) if release else shipped_release())
        end = START + HISTORY_H
        room.load_history(START, end)
        worker = room.start_worker()
        until(lambda: room.sent_out() >= series, "the first forecasts of all series", worker)
        warm_s, worker = _restart(room, worker, end)
        with redis.Redis.from_url(room.redis_url) as client:
            client.flushall()
        cold_s, worker = _restart(room, worker, end + 1)
        line = {
            "series": series,
            "warm_s": round(warm_s, 2),
            "cold_s": round(cold_s, 2),
            "peak_rss_gb": round(worker.peak_gb(), 3),
            "load_before": round(os.getloadavg()[0], 1),
        }
    print(f"{series} series: the first new forecast {line['warm_s']} s after a warm start, {line['cold_s']} s cold")
    print(orjson.dumps(line).decode())


def _restart(room: WorkerRoom, worker: RunningWorker, hour: int) -> tuple[float, RunningWorker]:
    worker.process.terminate()
    worker.process.wait()
    room.send([next(messages(room.load, hour, hour + 1, refresh=True))])
    sent = room.in_tables(hour)
    began = time.perf_counter()
    fresh = room.start_worker()
    until(lambda: room.in_tables(hour) > sent, "the first new forecast", fresh)
    return time.perf_counter() - began, fresh


if __name__ == "__main__":
    typer.run(main)
