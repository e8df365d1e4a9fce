"""What traces cost a refresh: `make benchmark B=traces ARGS='--series 10000'`.

Hours of all series are processed by a worker in this process, on real servers, every second one with traces. Compared
is the processor time of the thread that processes them, which a refresh waits for, and that of the whole process: also
what the Kafka client does for the headers, and the request that sends the spans of the hour, which no refresh waits
for. The servers and the receiver of the traces are other processes. Prints a sentence, then a JSON line.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from typing import Annotated

import orjson
import typer
from pydantic import SecretStr

from benchmarks.made_up_load import PARTITIONS, START, messages, shipped_release
from benchmarks.worker_room import WorkerRoom, worker_room
from dayahead.hours import Hour, wall_clock
from dayahead.models.serving.blas import stay_on_one_thread
from dayahead.tracing import spans
from dayahead.tracing.starting import start_traces, stop_traces
from dayahead.tracing.tracer import OpenTelemetryTracer
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


@dataclass(frozen=True)
class Spent:
    """Processor time of an hour, seconds.

    Attributes:
        thread_s: of the thread that processes it.
        process_s: of the whole process, with the request that sends its spans.
    """

    thread_s: float
    process_s: float


class Hours:
    """Gives a worker one hour after the other, and measures each."""

    def __init__(self, room: WorkerRoom, worker: Worker, offsets: dict[int, int], first: Hour) -> None:
        self._room, self._worker, self._offsets, self._hour = room, worker, offsets, first

    def next(self, tracer: OpenTelemetryTracer | None) -> Spent:
        """Process the next hour, with traces or without."""
        traced = (("traceparent", SENDER.encode()),) if tracer else ()
        batches: dict[int, list[LogMessage]] = {partition: [] for partition in range(PARTITIONS)}
        for partition, value in messages(self._room.load, self._hour, self._hour + 1, refresh=True):
            batch = batches[partition]
            batch.append(LogMessage(self._offsets[partition] + len(batch), value, None, (), traced))
        self._hour += 1
        spans.use(tracer)
        of_process, of_thread = time.process_time(), time.thread_time()
        for partition, batch in batches.items():
            self._offsets[partition] = self._worker.process(partition, batch).next_offset
        thread_s = time.thread_time() - of_thread
        if tracer:
            tracer.provider.force_flush()
        return Spent(thread_s, time.process_time() - of_process)


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
        tracer = start_traces("worker")
        for one in (None, tracer):  # what is imported, compiled and connected once
            measured.next(one)
        without, with_traces = list[Spent](), list[Spent]()
        for number in range(hours):
            order = (None, tracer) if number % 2 else (tracer, None)
            for one in order:
                (with_traces if one else without).append(measured.next(one))
        stop_traces()
        worker.close()
    line: dict[str, object] = {"series": series, "hours": hours, "load_before": round(load_before, 1)}
    for name in ("thread_s", "process_s"):
        off, on = ([getattr(one, name) for one in arm] for arm in (without, with_traces))
        line |= {
            f"{name}_without": round(median(off), 4),
            f"{name}_with": round(median(on), 4),
            f"{name}_more": round(median(on) / median(off) - 1, 4),
            f"{name}_all_without": [round(one, 3) for one in off],
            f"{name}_all_with": [round(one, 3) for one in on],
        }
    print(
        f"An hour of {series} series takes {line['thread_s_more']:+.1%} of processor time in the worker's thread with"
    )
    print(f"traces, and {line['process_s_more']:+.1%} in the process.")
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
