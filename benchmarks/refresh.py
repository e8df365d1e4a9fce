"""One new hour for each of N series, from Kafka to the last forecast: `make benchmark B=refresh ARGS='--series 10000'`.

Measured from the first message in `observations` to the last forecast committed in TimescaleDB, readable in Redis and
acknowledged by Kafka, by one worker process with all servers on the same machine; beside it, in the same run,
mlforecast's `update` and `predict` in memory. Prints a sentence, then a JSON line.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from worker_room import START, RunningWorker, WorkerRoom, messages, shipped_release, until, worker_room

from dayahead.models.release import Release

HISTORY_H = 28 * 24
STAGES = ("decode", "read", "windows", "forecast", "compute", "database", "redis", "kafka")
"""`compute` holds `windows` (out of the state) and `forecast` (features, linear member, trees, bands), and scores."""
PEER = Path(__file__).with_name("mlforecast_refresh.py")


@dataclass(frozen=True)
class Hour:
    """What one hour of all series took.

    Attributes:
        total_s: from the first message to the last acknowledgement.
        stages_s: seconds of the worker in each stage; stages overlap, so they may add up to more than the total.
        cpu_s: processor time of the worker.
    """

    total_s: float
    stages_s: dict[str, float]
    cpu_s: float


def main(
    series: Annotated[int, typer.Option(min=10, help="Series")] = 10_000,
    *,
    peer: Annotated[bool, typer.Option(help="Measure mlforecast too")] = True,
    release: Annotated[Path | None, typer.Option(help="Artifact of a release; else one is fitted")] = None,
    profile: Annotated[str, typer.Option(help="Command that is started with the worker's pid before the hour")] = "",
) -> None:
    """Measure one new hour for each of many series."""
    load_before = os.getloadavg()[0]
    with worker_room(series) as room:
        print("fits a release and loads the history", flush=True)
        room.promote(Release.from_bytes(release.read_bytes()) if release else shipped_release())
        end = START + HISTORY_H
        room.load_history(START, end)
        print("starts the worker", flush=True)
        worker = room.start_worker()
        until(lambda: room.sent_out() >= series, "the first forecasts of all series", worker)
        profiler = subprocess.Popen([*profile.split(), str(worker.process.pid)]) if profile else None
        plain = _measure(room, worker, end)
        if profiler:
            profiler.wait()
        _pass_a_day(room, end + 1)
        scored = _measure(room, worker, end + 24)
        peak_gb = worker.peak_gb()
        theirs = _mlforecast(series) if peer else {}
    line = {
        "series": series,
        "total_s": round(plain.total_s, 3),
        **{f"{name}_s": round(seconds, 3) for name, seconds in plain.stages_s.items()},
        "worker_cpu_s": round(plain.cpu_s, 3),
        "with_scores_s": round(scored.total_s, 3),
        "peak_rss_gb": round(peak_gb, 3),
        **{f"mlforecast_{trees}_s": round(seconds, 3) for trees, seconds in theirs.items()},
        **{f"ratio_vs_mlforecast_{trees}": round(plain.total_s / seconds, 2) for trees, seconds in theirs.items()},
        "load_before": round(load_before, 1),
    }
    print(
        f"{series} series in {plain.total_s:.2f} s ({scored.total_s:.2f} s where forecasts of the day before are scored"
        f" too), {peak_gb:.2f} GB; "
        + ", ".join(f"mlforecast with {trees} trees {seconds:.2f} s" for trees, seconds in theirs.items())
    )
    print(orjson.dumps(line).decode())


def _measure(room: WorkerRoom, worker: RunningWorker, hour: int) -> Hour:
    packed = list(messages(room.load, hour, hour + 1, refresh=True))
    before, cpu, sent = worker.stages(), worker.cpu_s(), room.sent_out()
    began = time.perf_counter()
    room.send(packed)
    until(lambda: room.sent_out() >= sent + room.load.count, "the forecasts of the hour", worker)
    total = time.perf_counter() - began
    after = worker.stages()
    assert room.in_tables(hour) == room.in_redis(hour) == room.load.count
    stages = {name: after.get(name, 0.0) - before.get(name, 0.0) for name in STAGES}
    return Hour(total, stages, worker.cpu_s() - cpu)


def _pass_a_day(room: WorkerRoom, first: int) -> None:
    """The hours until the forecasts of `first` - 1 ... mature but one, without forecasts of their own."""
    done = room.taken_in()
    packed = list(messages(room.load, first, first + 23, refresh=False))
    room.send(packed)
    until(lambda: room.taken_in() >= done + len(packed), "the hours in between")


def _mlforecast(series: int) -> dict[str, float]:
    answer = subprocess.run([sys.executable, str(PEER), str(series)], capture_output=True, check=True)
    return {trees: one["total_s"] for trees, one in orjson.loads(answer.stdout.splitlines()[-1]).items()}


if __name__ == "__main__":
    typer.run(main)
