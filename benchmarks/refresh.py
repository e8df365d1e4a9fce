"""One new hour for each of N series, from Kafka to the last forecast: `make benchmark B=refresh ARGS='--series 10000'`.

Measured from the first message in `observations` to the last forecast committed in TimescaleDB, readable in Redis and
acknowledged by Kafka, by one worker process with all servers on the same machine; in the same run,
mlforecast's `update` and `predict` in memory. The history is there before: binary COPY into the table, its indexes made
afterwards; with `--places` so is the weather that the series follow. Prints two sentences, then a JSON line.
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

from benchmarks.made_up_load import START, messages, shipped_release
from benchmarks.made_up_weather import MOST_PLACES, weather_messages, with_weather
from benchmarks.running_worker import RunningWorker, until
from benchmarks.worker_room import WorkerRoom, worker_room
from dayahead.features.fill import DAY
from dayahead.models.serving.release import Release
from dayahead.models.serving.window import WINDOW_HOURS

HISTORY_DAYS = 28
PEER = "benchmarks.mlforecast_refresh"


@dataclass(frozen=True)
class Hour:
    """What one hour of all series took.

    Attributes:
        total_s: from the first message to the last acknowledgement.
        stages_s: busy seconds of the worker by stage, added over its threads, so they may exceed the total.
        cpu_s: processor time of the worker.
        servers_cpu_s: processor time of the servers, by name of the program.
    """

    total_s: float
    stages_s: dict[str, float]
    cpu_s: float
    servers_cpu_s: dict[str, float]


def main(
    series: Annotated[int, typer.Option(min=10, help="Series")] = 10_000,
    leads: Annotated[int, typer.Option(min=24, max=408, help="Hours ahead")] = 24,
    days: Annotated[int, typer.Option(min=9, help="Days of history: less needs less disk")] = HISTORY_DAYS,
    hours: Annotated[int, typer.Option(min=1, help="Hours to measure one after the other; the median counts")] = 1,
    places: Annotated[
        int, typer.Option(min=0, max=MOST_PLACES, help="Places whose weather the series follow; 0: no weather")
    ] = 0,
    *,
    copies: Annotated[bool, typer.Option(help="Let the worker keep copies of its windows in Redis")] = True,
    scores: Annotated[bool, typer.Option(help="Measure an hour that scores the day before too")] = True,
    peer: Annotated[bool, typer.Option(help="Measure mlforecast too")] = True,
    release: Annotated[Path | None, typer.Option(help="Artifact of a release; else one is fitted")] = None,
    profile: Annotated[str, typer.Option(help="Command that is started with the worker's pid before the hour")] = "",
) -> None:
    """Measure one new hour for each of many series."""
    load_before = os.getloadavg()[0]
    with worker_room(series, leads, places) as room:
        print("fits a release and loads the history", flush=True)
        champion = Release.from_bytes(release.read_bytes()) if release else shipped_release(leads)
        room.promote(with_weather(champion) if places else champion)
        end = START + days * 24
        began = time.perf_counter()
        room.load_history(START, end)
        history_s, history_gb = time.perf_counter() - began, room.database_gb()
        print("starts the worker, which forecasts every series once", flush=True)
        worker = room.start_worker(**({} if copies else {"worker_copy_windows_every_s": 0}))
        began = time.perf_counter()
        until(lambda: room.sent_out() >= series, "the first forecasts of all series", worker)
        first_s = time.perf_counter() - began
        if places:
            bring_weather(room, places, end, end + hours + DAY + leads)
        profiler = subprocess.Popen([*profile.split(), str(worker.process.pid)]) if profile else None
        measured = [measure(room, worker, end + number) for number in range(hours)]
        if places:
            used = room.with_weather(end + hours - 1)
            assert used == series, f"of {series} forecasts {used} used the weather"
        plain = sorted(measured, key=lambda hour: hour.total_s)[len(measured) // 2]
        if profiler:
            profiler.wait()
        scored = None
        if scores:
            pass_a_day(room, end + hours)
            scored = measure(room, worker, end + hours + 23)
        peak_gb, now_gb, redis_gb = worker.peak_gb(), worker.memory_gb(), room.redis_gb()
        theirs = _mlforecast(series, leads) if peer else {}
    line = {
        "series": series,
        "leads": leads,
        "places": places,
        "total_s": round(plain.total_s, 3),
        **_stages(plain),
        **({"totals_s": [round(hour.total_s, 3) for hour in measured]} if hours > 1 else {}),
        **({"total_with_scores_s": round(scored.total_s, 3)} if scored else {}),
        **({f"with_scores_{name}": seconds for name, seconds in _stages(scored).items()} if scored else {}),
        "peak_rss_gb": round(peak_gb, 3),
        "peak_rss_gb_per_10000": round(peak_gb / series * 10_000, 3),
        "rss_gb": round(now_gb, 3),
        **{f"ratio_vs_mlforecast_{trees}": round(plain.total_s / seconds, 2) for trees, seconds in theirs.items()},
        **{f"mlforecast_{trees}_s": round(seconds, 3) for trees, seconds in theirs.items()},
        "history_days": days,
        "history_s": round(history_s),
        "database_gb": round(history_gb, 2),
        "redis_gb": round(redis_gb, 2),
        "first_forecasts_s": round(first_s, 2),
        "worker_cpu_s": round(plain.cpu_s, 3),
        "servers_cpu_s": {name: round(seconds, 2) for name, seconds in plain.servers_cpu_s.items()},
        "load_before": round(load_before, 1),
    }
    with_scores = f" ({scored.total_s:.2f} s where the forecasts of the day before are scored too)" if scored else ""
    peers = "".join(f"; mlforecast with {trees} trees {seconds:.2f} s" for trees, seconds in theirs.items())
    print(f"{series} series in {plain.total_s:.2f} s{with_scores}, {peak_gb:.2f} GB{peers}.")
    print("Stages are busy seconds of the worker, added over its threads; they overlap, and the total is wall time.")
    print(orjson.dumps(line).decode())


def _stages(hour: Hour) -> dict[str, float]:
    """Busy seconds by stage: those of an hour, added over the worker's threads."""
    spent = hour.stages_s
    trees = spent["trees"]
    stages = {
        "decode_s": spent["decode"],
        # finding series, comparing versions, reading what may be scored; windows in and out; scores
        "state_s": spent["read"] + spent["compute"] - spent["forecast"],
        "features_s": spent["forecast"] - trees,
        "predict_s": trees,
        "postgres_s": spent["database"],
        "encode_s": spent["encode"],
        "redis_s": spent["redis"],
        "kafka_s": spent["kafka"],
        "read_s": spent["read"],
    }
    return {name: round(seconds, 3) for name, seconds in stages.items()}


def measure(room: WorkerRoom, worker: RunningWorker, hour: int) -> Hour:
    """Give the worker one hour of all series, wait for all forecasts, and check that they are where they belong."""
    packed = list(messages(room.load, hour, hour + 1, refresh=True))
    before, cpu, servers, ends = worker.stages(), worker.cpu_s(), room.servers_cpu_s(), room.ends_after_all()
    began = time.perf_counter()
    room.send(packed)
    room.wait_for_all(ends, worker)
    total = time.perf_counter() - began
    after, servers_after = worker.stages(), room.servers_cpu_s()
    spent = worker.cpu_s() - cpu
    found = {"TimescaleDB": room.in_tables(hour), "Redis": room.in_redis(hour)}
    assert set(found.values()) == {room.load.count}, f"of {room.load.count} forecasts there are {found}"
    return Hour(
        total,
        {name: seconds - before.get(name, 0.0) for name, seconds in after.items()},
        spent,
        {name: seconds - servers[name] for name, seconds in servers_after.items()},
    )


def bring_weather(room: WorkerRoom, places: int, now: int, end: int) -> None:
    """What is known of the weather at an hour, in every partition; this is not measured."""
    done = room.taken_in()
    packed = [
        (partition, message)
        for message in weather_messages(places, now - WINDOW_HOURS, now, end)
        for partition in range(room.partitions)
    ]
    room.send(packed)
    until(lambda: room.taken_in() >= done + len(packed), "the weather")


def pass_a_day(room: WorkerRoom, first: int) -> None:
    """The 23 hours until the forecasts of `first` - 1 mature, without their own forecasts."""
    done = room.taken_in()
    packed = list(messages(room.load, first, first + 23, refresh=False))
    room.send(packed)
    until(lambda: room.taken_in() >= done + len(packed), "the hours in between")


def _mlforecast(series: int, leads: int) -> dict[str, float]:
    answer = subprocess.run([sys.executable, "-m", PEER, str(series), "2", str(leads)], capture_output=True, check=True)
    return {trees: one["total_s"] for trees, one in orjson.loads(answer.stdout.splitlines()[-1]).items()}


if __name__ == "__main__":
    typer.run(main)
