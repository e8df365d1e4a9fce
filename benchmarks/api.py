"""Newest forecasts over HTTP against a bare FastAPI application: `make benchmark B=api ARGS='--rounds 9'`.

Both answer the same forecasts from the same Redis, under the same settings of uvicorn, each as one process; wrk asks
them in turns, on one connection and on sixteen. The bare application (benchmarks/bare_api.py) comes in an asynchronous
and a synchronous form, and the ratio is taken to whichever is faster. On a machine that does other work too, compare
the processor time by request (`cpu_us`). Prints a table, then a JSON line.
"""

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import psycopg
import redis
import typer

from benchmarks.running_worker import SERVICE, cpu_seconds, until
from dayahead.contracts import Reason, Rung
from dayahead.horizon import DAY_LEADS
from dayahead.hours import from_hour, to_hour, wall_clock
from dayahead.storage.forecast_cache import forecast_key, sequence_key
from dayahead.storage.forecasts import forecast_bytes
from dayahead.storage.migrate import migrate_database
from dayahead.storage.tables.forecast import StoredForecast
from dayahead.storage.tables.worker_offset import claim_partition
from dayahead.topics import OBSERVATIONS
from deploy.local.ports import free_ports
from deploy.local.stack import LocalStack
from deploy.local.throwaway import throwaway_stack

BARE = "benchmarks.bare_api"
BARE_FORMS = ("async", "sync")
CONNECTIONS = (1, 16)
ADDED = ("stale", "stale_reason")
PARTITIONS = 4
SEQUENCE = 7
COMMITTED = "UPDATE worker_offset SET forecast_sequence = %s WHERE topic = %s AND partition = %s"
PERCENTILE = re.compile(r"^\s+99%\s+([\d.]+)(us|ms|s)$", re.MULTILINE)
REQUESTS = re.compile(r"^Requests/sec:\s+([\d.]+)$", re.MULTILINE)
REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)")
IN_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Application:
    """One process that is asked.

    Attributes:
        name: service, async or sync.
        process: the process.
        url: where it answers.
    """

    name: str
    process: subprocess.Popen[bytes]
    url: str

    def peak_mb(self) -> float:
        """The most memory that it ever had, in MB."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1e3


@dataclass(frozen=True)
class Run:
    """What wrk measured in one run.

    Attributes:
        per_s: requests per second.
        p99_ms: latency that one request of a hundred exceeds, in milliseconds.
        cpu_us: processor time of the application by request, in microseconds.
    """

    per_s: float
    p99_ms: float
    cpu_us: float


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each application on each number of connections")] = 7,
    seconds: Annotated[int, typer.Option(min=1, help="Length of a run, in seconds")] = 4,
    series: Annotated[int, typer.Option(min=1, help="Series that are asked for in turns")] = 1000,
) -> None:
    """Compare the service's answers with those of a bare application."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    load_before = os.getloadavg()[0]
    with throwaway_stack() as stack, tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        migrate_database(stack.postgres.owner_url(), stack.passwords.database_app.get_secret_value())
        ids = fill(stack, series)
        applications = [running.enter_context(service(stack))]
        applications += [running.enter_context(bare(stack, form)) for form in BARE_FORMS]
        compare_answers(applications, ids[0])
        script = Path(folder) / "paths.lua"
        script.write_text(lua(ids))
        found = measure(applications, script, rounds, seconds)
        peaks = {application.name: application.peak_mb() for application in applications}
    line = summary(found)
    line |= {f"peak_mb_{name}": round(peak, 1) for name, peak in peaks.items()}
    line |= {"series": series, "rounds": rounds, "seconds": seconds, "load_before": round(load_before, 1)}
    for (name, connections), runs in found.items():
        middle = _middle(runs)
        print(
            f"{name:8} {connections:3} connections: {middle.per_s:7.0f} requests/s, p99 {middle.p99_ms:6.2f} ms,"
            f" {middle.cpu_us:5.0f} us of processor time a request, peak {peaks[name]:.0f} MB"
        )
    print(json.dumps(line))


def fill(stack: LocalStack, series: int) -> list[str]:
    """Put a forecast of each series into Redis, as a worker leaves them: in its bytes, and confirmed by TimescaleDB."""
    generator = np.random.default_rng(1)
    now = wall_clock()
    origin = from_hour(to_hour(now))
    ids = [f"DK{number % 2 + 1}/{number:04}" for number in range(series)]
    values: dict[str, bytes | int] = {
        sequence_key(OBSERVATIONS.name, partition): SEQUENCE for partition in range(PARTITIONS)
    }
    for series_id in ids:
        p50 = generator.uniform(1e3, 1e5, DAY_LEADS).astype(np.float32)
        forecast = StoredForecast(
            series_id, origin, now, "r-0123456789ab", Rung.FULL, Reason(0), 0, p50, p50 * 0.9, p50 * 1.1, "kWh"
        )
        values[forecast_key(series_id)] = forecast_bytes(forecast)
    with redis.Redis.from_url(stack.redis.url(0)) as client:
        client.mset(values)
    with psycopg.connect(stack.postgres.owner_url()) as connection:
        for partition in range(PARTITIONS):
            claim = claim_partition(connection, OBSERVATIONS.name, partition, 0, "a worker", now, partitions=PARTITIONS)
            connection.execute(COMMITTED, [SEQUENCE, claim.topic, claim.partition])
    return ids


def lua(ids: list[str]) -> str:
    """A script of wrk that asks for the forecasts of the series in turns."""
    paths = ",".join(f'"/v1/forecasts/{series_id}"' for series_id in ids)
    return (
        f"local paths = {{{paths}}}\nlocal at = 0\n"
        "request = function()\n  at = at % #paths + 1\n  return wrk.format('GET', paths[at])\nend\n"
    )


@contextmanager
def service(stack: LocalStack) -> Iterator[Application]:
    """The service's API on a stack."""
    settings = {"DAYAHEAD_DATABASE_URL": stack.postgres.app_url(), "DAYAHEAD_REDIS_URL": stack.redis.url(0)}
    settings["DAYAHEAD_KAFKA_BOOTSTRAP"] = stack.kafka.bootstrap
    [port] = free_ports(1)
    with _running("service", [str(SERVICE), "api", "--port", str(port)], port, settings) as application:
        yield application


@contextmanager
def bare(stack: LocalStack, form: str) -> Iterator[Application]:
    """The bare application on the Redis of a stack."""
    [port] = free_ports(1)
    command = [str(SERVICE.with_name("python")), "-m", BARE, str(port), stack.redis.url(0), form]
    with _running(form, command, port, {}) as application:
        yield application


@contextmanager
def _running(name: str, command: list[str], port: int, settings: dict[str, str]) -> Iterator[Application]:
    process = subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.DEVNULL)
    try:
        application = Application(name, process, f"http://127.0.0.1:{port}")
        until(lambda: _answers(application), f"the {name} application")
        yield application
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(application: Application) -> bool:
    if application.process.poll() is not None:
        raise SystemExit(f"the {application.name} application ended with {application.process.returncode}")
    try:
        with urllib.request.urlopen(f"{application.url}/openapi.json", timeout=5):
            return True
    except urllib.error.URLError:
        return False


def compare_answers(applications: list[Application], series_id: str) -> None:
    """Check that all applications answer the forecast that Redis holds; the service adds whether the series is stale.

    Raises:
        SystemExit: they do not, so that their speeds would say nothing.
    """
    found = []
    for application in applications:
        with urllib.request.urlopen(f"{application.url}/v1/forecasts/{series_id}", timeout=5) as answer:
            forecast = json.load(answer)
            served_by = answer.headers.get("Dayahead-Served-By", "redis")
        if served_by != "redis":
            raise SystemExit(f"the {application.name} application answers from {served_by}, not from Redis")
        found.append({name: value for name, value in forecast.items() if name not in ADDED})
    if any(forecast != found[0] for forecast in found):
        raise SystemExit(f"the applications answer differently: {found}")


def measure(
    applications: list[Application], script: Path, rounds: int, seconds: int
) -> dict[tuple[str, int], list[Run]]:
    """Ask the applications in turns, after one short run of each that is not counted."""
    found: dict[tuple[str, int], list[Run]] = {}
    for number in range(rounds + 1):
        for connections in CONNECTIONS:
            for application in applications:
                run = wrk(application, script, connections, seconds if number else 1)
                if number:
                    found.setdefault((application.name, connections), []).append(run)
    return found


def wrk(application: Application, script: Path, connections: int, seconds: int) -> Run:
    """Ask one application for some seconds.

    Raises:
        SystemExit: it refused some of the requests.
    """
    cpu, began = cpu_seconds(application.process.pid), time.monotonic()
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), application.url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    took_s, spent = time.monotonic() - began, cpu_seconds(application.process.pid) - cpu
    rate, p99, refused = REQUESTS.search(said), PERCENTILE.search(said), REFUSED.search(said)
    if rate is None or p99 is None or refused:
        raise SystemExit(f"{' '.join(command)} failed:\n{said}")
    per_s = float(rate[1])
    return Run(per_s, float(p99[1]) * IN_MS[p99[2]], spent / (per_s * took_s) * 1e6)


def summary(found: dict[tuple[str, int], list[Run]]) -> dict[str, float | str]:
    """Medians, and the ratios of the service to the faster form of the bare application."""
    line: dict[str, float | str] = {}
    for connections in CONNECTIONS:
        ours = _middle(found["service", connections])
        form = max(BARE_FORMS, key=lambda form: _middle(found[form, connections]).per_s)
        bare_runs = found[form, connections]
        theirs = _middle(bare_runs)
        line |= {
            f"ratio_{connections}": round(ours.per_s / theirs.per_s, 3),
            f"bare_form_{connections}": form,
            f"per_s_{connections}": round(ours.per_s),
            f"bare_per_s_{connections}": round(theirs.per_s),
            f"p99_ms_{connections}": round(ours.p99_ms, 2),
            f"bare_p99_ms_{connections}": round(theirs.p99_ms, 2),
            f"cpu_us_{connections}": round(ours.cpu_us),
            f"bare_cpu_us_{connections}": round(theirs.cpu_us),
        }
    return line


def _middle(runs: list[Run]) -> Run:
    return Run(*(statistics.median(getattr(run, name) for run in runs) for name in ("per_s", "p99_ms", "cpu_us")))


if __name__ == "__main__":
    typer.run(main)
