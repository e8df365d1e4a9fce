"""The services as processes of the local stack: what is started, with which settings, and where it tells how it is."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from dayahead.settings import PREFIX
from deploy.local.places import CHECKOUT
from deploy.local.ports import HOST
from deploy.local.supervision import Program
from deploy.monitoring.configuration import Target
from deploy.settings import StackSettings

SAMPLE_SOURCE = CHECKOUT / "ingest" / "sources" / "consumption-de35-hour.yaml"
DAYAHEAD = str(Path(sys.executable).with_name("dayahead"))
SETTLE_S = 5  # one that ends within this time failed to start; the next try comes later and later


@dataclass(frozen=True)
class Readiness:
    """What a service says of itself on /health/ready, or that it does not answer."""

    ok: bool
    reason: str


@dataclass(frozen=True)
class ServiceProcess:
    """One process of a service.

    Attributes:
        name: in `dayahead status`, in the logs and in supervisord.
        job: the service that it is one of, as Prometheus labels it.
        arguments: of the command `dayahead`.
        port: of its /metrics and /health/ready.
        environment: settings of its own.
    """

    name: str
    job: str
    arguments: Sequence[str]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)

    def program(self, directory: Path) -> Program:
        """As supervisord runs it, in the folder whose `.env` it reads."""
        return Program(self.name, [DAYAHEAD, *self.arguments], self.environment, settle_s=SETTLE_S, directory=directory)

    @property
    def target(self) -> Target:
        """As Prometheus scrapes it."""
        return Target(self.job, f"{HOST}:{self.port}")

    def readiness(self) -> Readiness:
        """Ask it how it is."""
        try:
            answer = httpx.get(f"http://{HOST}:{self.port}/health/ready", timeout=5)
        except httpx.TransportError as error:
            return Readiness(False, f"port {self.port} does not answer: {error}")
        try:
            reason = str(answer.json().get("reason", ""))
        except (ValueError, AttributeError):
            reason = answer.text[:200]
        return Readiness(answer.status_code == httpx.codes.OK, reason)


def service_processes(settings: StackSettings) -> list[ServiceProcess]:
    """What `dayahead up` starts: poller, workers, trainer, API, and the replay unless a real source is polled."""

    def metrics_port(port: int) -> dict[str, str]:
        return {f"{PREFIX}METRICS_PORT": str(port)}

    workers = [
        ServiceProcess(f"worker-{number + 1}", "worker", ["worker"], port, metrics_port(port))
        for number, port in enumerate(range(settings.worker_port, settings.worker_port + settings.workers))
    ]
    api = ServiceProcess("api", "api", ["api"], settings.api_port, {f"{PREFIX}API_PORT": str(settings.api_port)})
    trainer = ServiceProcess(
        "trainer", "trainer", ["trainer"], settings.trainer_port, metrics_port(settings.trainer_port)
    )
    poll = ["ingest", "--source", settings.source or str(SAMPLE_SOURCE), "--url", source_url(settings)]
    poller = ServiceProcess("ingest", "ingest", poll, settings.ingest_port, metrics_port(settings.ingest_port))
    return [*workers, trainer, api, poller]


def source_url(settings: StackSettings) -> str:
    """The API that is polled: the one of the settings, or the replay of the sample on this machine."""
    return settings.source_url or f"http://{HOST}:{settings.replay_port}"
