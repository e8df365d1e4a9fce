"""Seconds to answer for all series together: `make benchmark B=summaries ARGS='--series 100000'`.

`/v1/quality` and `/v1/accuracy` of a real API process, from what the worker keeps as it goes, compared with the
statements that add up the rows of every series, as a user of the tables would write them. `/v1/accuracy` is asked with
one series, for the sums alone, and with its page of 1000 series. The worker has really taken in a week of history and
forecast every series; the scores of two days are made up. Prints a table, a sentence and a JSON line.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import Annotated

import httpx
import orjson
import psycopg
import typer

from benchmarks.made_up_load import START, messages, shipped_release
from benchmarks.running_worker import SERVICE, RunningWorker, until
from benchmarks.worker_room import WorkerRoom, worker_room
from dayahead.hours import from_hour
from dayahead.storage.tables.score import SUMS
from deploy.local.ports import free_ports

WEEK_H = 7 * 24
SCORED_H = 48
ANSWERS = 5

SCORES = """
    INSERT INTO score (series_key, origin, release, rung, hours, absolute_error, absolute_actual, percentage_error,
                       percentage_hours, signed_error, naive_error, daily_naive_error, naive_hours, naive_actual,
                       model_error_where_naive, covered, pinball, lead_error)
    SELECT series_key, origin, 'r-benchmark', 0, 24, random() * 10, 100, random(), 24, 0, random() * 20, random() * 20,
           24, 100, random() * 10, 19, random(), array_fill(1::real, ARRAY[24])
    FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz, INTERVAL '1 hour') AS origin, series
"""
KEPT = f"""
    INSERT INTO accuracy_day (partition, area, unit, day, release, forecasts, {", ".join(SUMS)})
    SELECT series.partition, area, unit, (origin AT TIME ZONE 'UTC')::date, release, count(*),
           {", ".join(f"sum({name})" for name in SUMS)}
    FROM score JOIN series USING (series_key) GROUP BY 1, 2, 3, 4, 5
"""
ALL_SCORES = """
    SELECT unit, area, sum(absolute_error), sum(absolute_actual), sum(naive_error), sum(naive_actual), sum(covered),
           sum(hours)
    FROM score JOIN series USING (series_key) GROUP BY GROUPING SETS ((unit), (unit, area))
"""
ALL_HOURS = """
    SELECT count(*), sum(168 - present) FROM (
        SELECT series_key, count(*) AS present FROM observation
        WHERE valid_time > (SELECT max(valid_time) FROM observation) - INTERVAL '168 hours' GROUP BY series_key
    ) AS week
"""


def main(
    series: Annotated[int, typer.Option(min=10, help="Series")] = 10_000,
) -> None:
    """Measure the answers that speak of all series, and the statements that would add every series up."""
    with worker_room(series) as room:
        room.promote(shipped_release())
        room.load_history(START, START + WEEK_H)
        worker = room.start_worker()
        until(lambda: room.sent_out() >= series, "the first forecasts of all series", worker)
        room.send(list(messages(room.load, START + WEEK_H, START + WEEK_H + 1, refresh=True)))
        until(lambda: room.in_tables(START + WEEK_H) == series, "the forecasts of a new hour", worker)
        _score(room)
        until(lambda: _seen(room) == series, "the quality of all partitions", worker)
        line = {"series": series, "scores": series * SCORED_H, **_measure(room, worker)}
    print(f"{series} series, {series * SCORED_H} scores; median of {ANSWERS} answers, ms:")
    print(f"  /v1/quality   {line['quality_ms']:8.0f}   adding up a week of observations {line['all_hours_ms']:8.0f}")
    print(f"  /v1/accuracy  {line['accuracy_ms']:8.0f}   adding up all scores            {line['all_scores_ms']:8.0f}")
    print(f"  with a page of series {line['accuracy_page_ms']:.0f}")
    slowest = max(line["quality_ms"], line["accuracy_ms"])
    print(f"An answer about all {series} series takes {slowest:.0f} ms or less; the goal is 300.")
    print(orjson.dumps(line).decode())


def _score(room: WorkerRoom) -> None:
    with psycopg.connect(room.owner_url, autocommit=True) as connection:
        last = START + WEEK_H - 24
        connection.execute(SCORES, {"first": from_hour(last - SCORED_H + 1), "last": from_hour(last)})
        connection.execute(KEPT.encode())
        connection.execute("VACUUM ANALYZE score, accuracy_day, observation, forecast, partition_quality")


def _seen(room: WorkerRoom) -> int:
    with psycopg.connect(room.owner_url) as connection:
        row = connection.execute(
            "SELECT sum(newest_series[i])::bigint FROM partition_quality, generate_subscripts(newest_hours, 1) AS i"
            " WHERE newest_hours[i] = %s",
            [from_hour(START + WEEK_H)],
        ).fetchone()
    return int(row[0] or 0) if row else 0


def _measure(room: WorkerRoom, worker: RunningWorker) -> dict[str, float]:
    port = free_ports(1)[0]
    environment = {
        **os.environ,
        "DAYAHEAD_DATABASE_URL": room.database_url,
        "DAYAHEAD_REDIS_URL": room.redis_url,
        "DAYAHEAD_KAFKA_BOOTSTRAP": room.bootstrap,
        "DAYAHEAD_API_PORT": str(port),
        "DAYAHEAD_LOG_LEVEL": "warning",
    }
    api = subprocess.Popen([str(SERVICE), "api"], env=environment, cwd=room.stack.folder)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            until(lambda: _answers(client), "the API")
            figures = {
                "quality_ms": _median_ms(lambda: client.get("/v1/quality").raise_for_status()),
                "accuracy_ms": _median_ms(lambda: client.get("/v1/accuracy?limit=1").raise_for_status()),
                "accuracy_page_ms": _median_ms(lambda: client.get("/v1/accuracy").raise_for_status()),
            }
        peak_gb = RunningWorker(api, port).peak_gb()
    finally:
        api.terminate()
        api.wait()
    with psycopg.connect(room.database_url, autocommit=True) as connection:
        figures["all_hours_ms"] = _median_ms(lambda: connection.execute(ALL_HOURS).fetchall())
        figures["all_scores_ms"] = _median_ms(lambda: connection.execute(ALL_SCORES).fetchall())
    figures = {name: round(ms, 1) for name, ms in figures.items()}
    return {**figures, "peak_rss_gb": round(worker.peak_gb(), 3), "api_peak_rss_gb": round(peak_gb, 3)}


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").is_success
    except httpx.TransportError:
        return False


def _median_ms(ask: Callable[[], object]) -> float:
    """Measure the median of several answers; a first one is not counted."""
    ask()
    taken = []
    for _ in range(ANSWERS):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)


if __name__ == "__main__":
    typer.run(main)
