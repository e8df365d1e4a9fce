"""The services as processes of the local stack: arguments, settings, and health endpoints."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import httpx

from dayahead.settings import PREFIX
from deploy.local import sample
from deploy.local.ports import HOST
from deploy.local.supervision import Program
from deploy.monitoring.configuration import Target
from deploy.settings import StackSettings

DAYAHEAD = str(Path(sys.executable).with_name("dayahead"))
SETTLE_S = 5  # one that ends within this time failed to start and is retried with increasing pauses


@dataclass(frozen=True)
class Readiness:
    """The answer of /health/ready, or that the service does not answer."""

    ok: bool
    reason: str


@dataclass(frozen=True)
class ServiceProcess:
    """One process of a service.

    Attributes:
        name: in `dayahead status`, in the logs and in supervisord.
        job: its service, as labelled by Prometheus.
        arguments: of the command `dayahead`.
        port: of its /metrics and /health/ready.
        environment: settings of this process only.
        scraped: whether it has /metrics and /health/ready; the replay, which stands for an external server, has not.
    """

    name: str
    job: str
    arguments: Sequence[str]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    scraped: bool = True

    def program(self, directory: Path, settings: Mapping[str, str] | None = None, fingerprint: str = "") -> Program:
        """The program for supervisord.

        Args:
            directory: working directory, with its `.env`.
            settings: environment variables; the stack's own override them.
            fingerprint: of everything that it reads: a change restarts it.
        """
        return Program(
            self.name,
            [DAYAHEAD, *self.arguments],
            {**(settings or {}), **self.environment},
            settle_s=SETTLE_S,
            directory=directory,
            fingerprint=fingerprint,
        )

    @property
    def target(self) -> Target:
        """The target for Prometheus."""
        return Target(self.job, f"{HOST}:{self.port}")

    def counted(self, metric: str) -> float:
        """Value of a counter in its /metrics; 0 while it does not answer."""
        try:
            text = _client().get(f"http://{HOST}:{self.port}/metrics").text
        except httpx.TransportError:
            return 0.0
        return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{metric} "))

    def readiness(self) -> Readiness:
        """Ask /health/ready; the replay how far it is."""
        try:
            answer = _client().get(f"http://{HOST}:{self.port}/{'health/ready' if self.scraped else '_clock'}")
        except httpx.TransportError as error:
            return Readiness(False, f"port {self.port} does not answer: {error}")
        try:
            says = answer.json()
            reason = str(says.get("reason", "")) if self.scraped else _progress(says["end"], over=says["over"])
        except (ValueError, AttributeError, KeyError, TypeError):
            reason = answer.text[:200]
        return Readiness(answer.status_code == httpx.codes.OK, reason)


def _progress(end: str, *, over: bool) -> str:
    """How far a replay is: the hour after the newest published one, and whether none is left."""
    return f"the sample is over, its last hour ended at {end}" if over else f"publishes the sample, by now up to {end}"


@cache
def _client() -> httpx.Client:
    """One shared client: creating one loads the machine's certificates, 25 ms of CPU."""
    return httpx.Client(timeout=5, limits=httpx.Limits(max_keepalive_connections=0))


def service_processes(
    settings: StackSettings, folder: Path, database_urls: Mapping[str, str] | None = None
) -> list[ServiceProcess]:
    """The processes of `dayahead up`: workers, trainer, API, poller, and the replay unless a real source is polled.

    Args:
        settings: ports, number of workers, polled source.
        folder: of the stack; the replay stores its position there.
        database_urls: postgresql:// URL of each service's role, by job; by default the one of `.env`.
    """

    def metrics_port(port: int) -> dict[str, str]:
        return {f"{PREFIX}METRICS_PORT": str(port)}

    workers = [
        ServiceProcess(f"worker-{number + 1}", "worker", ["worker"], port, metrics_port(port))
        for number, port in enumerate(range(settings.worker_port, settings.worker_port + settings.workers))
    ]
    trainer_settings = metrics_port(settings.trainer_port)
    poller_settings = metrics_port(settings.ingest_port)
    replays: list[ServiceProcess] = []
    if settings.source_url:
        poller_settings[f"{PREFIX}SOURCE_URL"] = str(settings.source_url)
    elif settings.replays:
        # The history is complete before the trainer starts, so it need not wait for the newest hour to settle.
        trainer_settings[f"{PREFIX}TRAINING__SCHEDULE__SETTLE_S"] = "0"
        # The replay has no rate limit: the publisher's one request a minute would only slow it down.
        poller_settings[f"{PREFIX}SOURCE_URL"] = f"http://{HOST}:{settings.replay_port}"
        poller_settings[f"{PREFIX}MIN_REQUEST_INTERVAL_S"] = "0"
        arguments = sample.replay_arguments(settings.replay_port, folder / "replay" / "state.json")
        replays = [ServiceProcess("replay", "replay", arguments, settings.replay_port, scraped=False)]
    source = str(settings.source or sample.SOURCE)
    processes = [
        *workers,
        ServiceProcess("trainer", "trainer", ["trainer"], settings.trainer_port, trainer_settings),
        ServiceProcess("api", "api", ["api"], settings.api_port, {f"{PREFIX}API_PORT": str(settings.api_port)}),
        *replays,
        ServiceProcess("ingest", "ingest", ["ingest", f"--source={source}"], settings.ingest_port, poller_settings),
    ]
    urls = database_urls or {}
    return [
        replace(one, environment={**one.environment, f"{PREFIX}DATABASE_URL": urls[one.job]})
        if one.job in urls
        else one
        for one in processes
    ]
