"""Rows a second that history takes from Kafka to TimescaleDB: `make benchmark B=backfill`.

One worker process, the rows packed as `dayahead backfill` packs them, `refresh: false`. In the same run and
on the same servers, what it cannot be faster than: the same rows by plain binary COPY into a temporary table and one
upsert for each 5,000. Prints a sentence, then a JSON line.
"""

import os
import time
from typing import Annotated

import numpy as np
import orjson
import psycopg
import typer

from benchmarks.made_up_load import START, messages
from benchmarks.running_worker import until
from benchmarks.worker_room import WorkerRoom, worker_room
from dayahead.hours import HOUR_US, from_hour
from dayahead.storage.tables.observation import OBSERVATION, CurrentRows, write_observations

ROWS_AT_ONCE = 5_000


def main(
    series: Annotated[int, typer.Option(min=10, help="Series")] = 500,
    days: Annotated[int, typer.Option(min=1, help="Days of each")] = 28,
) -> None:
    """Measure a backfill."""
    hours = days * 24
    with worker_room(series) as room:
        # the first time is slower: the servers have just started
        copied_s = min(_plain_copy(room, START, START + hours) for _ in range(2))
        worker = room.start_worker()
        until(lambda: len(room.claimed()) == room.partitions, "the worker to take its partitions over", worker)
        packed = list(messages(room.load, START, START + hours, refresh=False))
        began = time.perf_counter()
        room.send(packed)
        until(lambda: room.taken_in() >= len(packed), "the last row", worker)
        ours_s = time.perf_counter() - began
        _check_whole(room, series * hours)
        line = {
            "rows": series * hours,
            "total_s": round(ours_s, 2),
            "rows_per_s": round(series * hours / ours_s),
            "copy_rows_per_s": round(series * hours / copied_s),
            "share_of_copy": round(copied_s / ours_s, 2),
            "worker_cpu_s": round(worker.cpu_s(), 2),
            "peak_rss_gb": round(worker.peak_gb(), 3),
            "load_before": round(os.getloadavg()[0], 1),
        }
    print(
        f"{line['rows']} rows in {line['total_s']} s: {line['rows_per_s']} rows/s, "
        f"{line['share_of_copy']:.0%} of plain COPY and upsert ({line['copy_rows_per_s']} rows/s)"
    )
    print(orjson.dumps(line).decode())


def _plain_copy(room: WorkerRoom, first: int, end: int) -> float:
    """Seconds of COPY and upsert alone; the table is empty again afterwards."""
    values = room.load.values(first, end)
    keys = np.repeat(room.keys, end - first)
    hour = np.tile(np.arange(first, end), len(values))
    known = (hour + 1) * HOUR_US
    began = time.perf_counter()
    with psycopg.connect(room.database_url, autocommit=True) as connection:
        connection.execute(OBSERVATION.create_incoming.encode())
        for start in range(0, len(keys), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            rows = CurrentRows(keys[part], hour[part], values.ravel()[part], known[part], known[part])
            with connection.transaction(), connection.cursor() as cursor:
                write_observations(cursor, rows, np.zeros(len(rows.hour), np.bool_), from_hour(end))
    taken = time.perf_counter() - began
    with psycopg.connect(room.owner_url) as connection:
        connection.execute("TRUNCATE observation")
    return taken


def _check_whole(room: WorkerRoom, rows: int) -> None:
    """A figure counts only if every row is there."""
    with psycopg.connect(room.owner_url) as connection:
        found = connection.execute("SELECT count(*) FROM observation").fetchone()
    if found != (rows,):
        raise SystemExit(
            f"the worker says that it has taken everything in, but {found} of {rows} rows are in the table"
        )


if __name__ == "__main__":
    typer.run(main)
