"""What traces cost a refresh: `make benchmark B=traces ARGS='--series 10000'`.

Hours of all series are processed by a worker in this process, on real servers, every second one with traces. Compared
is the processor time of the whole process: the worker, the headers of the forecasts, and the thread that encodes and
sends the spans, which are flushed within their hour. The servers and the receiver of the traces are other processes.
Prints a sentence, then a JSON line.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from typing import Annotated

import orjson
import typer
from pydantic import SecretStr

from benchmarks.made_up_load import PARTITIONS, START, messages, shipped_release
from benchmarks.worker_room import WorkerRoom, worker_room
from dayahead.hours import Hour, wall_clock
from dayahead.models.serving.arithmetic import stay_on_one_thread
from dayahead.tracing.starting import start_traces, stop_traces
from stream.assembly import build_worker
from stream.servers.log_reader import LogMessage
from stream.servers.probe import NoProbe
from stream.servers.server_retry import ServerRetry
from stream.settings import WorkerSettings
from stream.worker import Worker

HISTORY_DAYS = 28
SENDER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""What names the span that sent the messages of an hour: one, as of one poll."""
RECEIVER = "receiver"


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def receiver() -> Iterator[str]:
    """The endpoint of a process that takes traces and keeps nothing."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.traces", RECEIVER], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


class Hours:
    """Gives a worker one hour after the other, and measures each."""

    def __init__(self, room: WorkerRoom, worker: Worker, offsets: dict[int, int], first: Hour) -> None:
        self._room, self._worker, self._offsets, self._hour = room, worker, offsets, first

    def next_s(self, *, traces: bool) -> float:
        """Process the next hour, with traces or without; returns seconds of processor time."""
        traced = (("traceparent", SENDER.encode()),) if traces else ()
        batches: dict[int, list[LogMessage]] = {partition: [] for partition in range(PARTITIONS)}
        for partition, value in messages(self._room.load, self._hour, self._hour + 1, refresh=True):
            batch = batches[partition]
            batch.append(LogMessage(self._offsets[partition] + len(batch), value, None, (), traced))
        self._hour += 1
        if traces:
            start_traces("worker")
        began = time.process_time()
        for partition, batch in batches.items():
            self._offsets[partition] = self._worker.process(partition, batch).next_offset
        stop_traces()
        return time.process_time() - began


def main(
    series: Annotated[int, typer.Option(min=10, help="Series")] = 10_000,
    hours: Annotated[int, typer.Option(min=2, help="Hours with traces, and as many without")] = 20,
) -> None:
    """Measure refreshes with and without traces."""
    load_before = os.getloadavg()[0]
    stay_on_one_thread()
    with worker_room(series) as room, receiver() as endpoint:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
        print("fits a release and loads the history", flush=True)
        room.promote(shipped_release())
        end = START + HISTORY_DAYS * 24
        room.load_history(START, end)
        settings = WorkerSettings(
            database_url=SecretStr(room.database_url),
            redis_url=SecretStr(room.redis_url),
            kafka_bootstrap=room.bootstrap,
        )
        worker, _ = build_worker(settings, wall_clock, ServerRetry(), NoProbe())
        measured = Hours(room, worker, worker.assign(range(PARTITIONS)), end)
        for traces in (False, True):  # what is imported and compiled once
            measured.next_s(traces=traces)
        without, with_traces = list[float](), list[float]()
        for number in range(hours):
            order = (False, True) if number % 2 else (True, False)
            for traces in order:
                (with_traces if traces else without).append(measured.next_s(traces=traces))
        worker.close()
    ratio = median(one / other for one, other in zip(with_traces, without, strict=True))
    line = {
        "series": series,
        "hours": hours,
        "without_cpu_s": round(median(without), 3),
        "with_cpu_s": round(median(with_traces), 3),
        "ratio_of_medians": round(median(with_traces) / median(without), 4),
        "median_ratio": round(ratio, 4),
        "ratio_of_least": round(min(with_traces) / min(without), 4),
        "all_without_s": [round(one, 3) for one in without],
        "all_with_s": [round(one, 3) for one in with_traces],
        "load_before": round(load_before, 1),
    }
    print(f"An hour of {series} series takes {median(without):.2f} s of processor time, {ratio - 1:+.1%} with traces.")
    print(orjson.dumps(line).decode())


def receive() -> None:
    """Take traces until killed; prints the port first."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Receiver) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:] == [RECEIVER]:
        receive()
    else:
        typer.run(main)
