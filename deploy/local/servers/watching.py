"""Prometheus and Alertmanager, from the Debian tree."""

from collections.abc import Sequence

import httpx

from deploy.local.ports import HOST
from deploy.local.servers.server import Ground, fingerprint_of
from deploy.local.supervision import Program
from deploy.monitoring.configuration import MonitoringFiles, Target
from deploy.monitoring.receivers import SECRET_PREFIX
from deploy.monitoring.settings import MonitoringSettings


class Prometheus:
    """Scrapes the services of this stack and evaluates the rules of deploy/prometheus/."""

    name = "prometheus"
    ready_within_s = 30.0

    def __init__(
        self, ground: Ground, services: Sequence[Target], api: str, settings: MonitoringSettings | None = None
    ) -> None:
        """Store the arguments; nothing is written yet.

        Args:
            ground: the stack that it belongs to.
            services: targets in addition to itself and Alertmanager.
            api: host:port of the API, whose webhook Alertmanager calls.
            settings: thresholds and receivers; by default from the environment.
        """
        self._ground = ground
        self._services = services
        self._api = api
        self._settings = settings
        self._folder = ground.folder / "monitoring"
        self._seen_as = ground.inside(self._folder)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self._ground.ports.prometheus}"

    def prepare(self) -> None:
        """Write the configuration of both servers for this stack's ports."""
        alertmanager = f"{HOST}:{self._ground.ports.alertmanager}"
        own = [
            Target("prometheus", f"{HOST}:{self._ground.ports.prometheus}"),
            Target("alertmanager", alertmanager),
        ]
        MonitoringFiles(self._folder, self._seen_as).write(
            [*self._services, *own],
            alertmanager,
            f"http://{self._api}/v1/alertmanager",
            self._ground.passwords.api_token,
            self._settings or MonitoringSettings(),
        )

    def program(self) -> Program:
        """`prometheus` on 127.0.0.1 only."""
        command = [
            "/usr/bin/prometheus",
            f"--config.file={MonitoringFiles(self._folder, self._seen_as).prometheus_config}",
            f"--storage.tsdb.path={self._ground.inside(self._ground.folder / 'prometheus')}",
            "--storage.tsdb.retention.time=15d",
            f"--web.listen-address={HOST}:{self._ground.ports.prometheus}",
        ]
        # targets.json is reloaded automatically
        files = [self._folder / "prometheus.yml", *(self._folder / "rules").glob("*.yml")]
        return Program(
            self.name,
            self._ground.chroot(*command),
            stop_signal=self._ground.stop_signal("TERM"),
            fingerprint=fingerprint_of(*files),
        )

    def is_ready(self) -> bool:
        """Whether it has replayed its WAL and answers queries."""
        return _answers(f"{self.url}/-/ready")


class Alertmanager:
    """Groups the alerts of this stack and calls the API's webhook; Prometheus writes its configuration."""

    name = "alertmanager"
    ready_within_s = 30.0

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._folder = ground.folder / "monitoring"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self._ground.ports.alertmanager}"

    def prepare(self) -> None:
        """Nothing to do: its configuration is written with Prometheus'."""

    def program(self) -> Program:
        """`prometheus-alertmanager` on 127.0.0.1 only, without gossip."""
        files = MonitoringFiles(self._folder, self._ground.inside(self._folder))
        command = [
            "/usr/bin/prometheus-alertmanager",
            f"--config.file={files.alertmanager_config}",
            f"--storage.path={self._ground.inside(self._ground.folder / 'alertmanager')}",
            f"--web.listen-address={HOST}:{self._ground.ports.alertmanager}",
            "--cluster.listen-address=",
        ]
        secrets = self._folder.glob(f"{SECRET_PREFIX}*")
        return Program(
            self.name,
            self._ground.chroot(*command),
            stop_signal=self._ground.stop_signal("TERM"),
            fingerprint=fingerprint_of(self._folder / "alertmanager.yml", self._folder / "api_token", *secrets),
        )

    def is_ready(self) -> bool:
        """Whether it accepts alerts."""
        return _answers(f"{self.url}/-/ready")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
