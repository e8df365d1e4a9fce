"""Prometheus and Alertmanager, from the Debian tree."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import httpx

from deploy.local.monitoring import ScrapeTarget, alertmanager_config, prometheus_config
from deploy.local.places import CHECKOUT
from deploy.local.ports import HOST
from deploy.local.servers.server import Ground
from deploy.local.supervision import Program

PROMETHEUS_FOLDER = CHECKOUT / "deploy" / "prometheus"
ALERTMANAGER_FOLDER = CHECKOUT / "deploy" / "alertmanager"


class Prometheus:
    """Scrapes the services of this stack and judges the rules of deploy/prometheus/."""

    name = "prometheus"
    ready_within_s = 30.0

    def __init__(self, ground: Ground, targets: Sequence[ScrapeTarget]) -> None:
        self._ground = ground
        self._targets = targets
        self._folder = ground.folder / "prometheus"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self._ground.ports.prometheus}"

    def prepare(self) -> None:
        """Write the configuration for this stack's ports and copy the rules beside it."""
        _copy_configuration(PROMETHEUS_FOLDER, self._folder)
        config = prometheus_config(
            PROMETHEUS_FOLDER / "prometheus.yml", self._targets, f"{HOST}:{self._ground.ports.alertmanager}"
        )
        (self._folder / "prometheus.yml").write_text(config)

    def program(self) -> Program:
        """`prometheus` on 127.0.0.1 alone."""
        inside = self._ground.inside(self._folder)
        command = [
            "/usr/bin/prometheus",
            f"--config.file={inside}/prometheus.yml",
            f"--storage.tsdb.path={inside}/data",
            "--storage.tsdb.retention.time=15d",
            f"--web.listen-address={HOST}:{self._ground.ports.prometheus}",
        ]
        return Program(self.name, self._ground.chroot(*command), stop_signal=self._ground.stop_signal("TERM"))

    def is_ready(self) -> bool:
        """Whether it has replayed its log and answers queries."""
        return _answers(f"{self.url}/-/ready")


class Alertmanager:
    """Groups the alerts of this stack and tells the API's webhook."""

    name = "alertmanager"
    ready_within_s = 30.0

    def __init__(self, ground: Ground, api_port: int) -> None:
        self._ground = ground
        self._api = f"{HOST}:{api_port}"
        self._folder = ground.folder / "alertmanager"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self._ground.ports.alertmanager}"

    def prepare(self) -> None:
        """Write the configuration for this stack's API; the webhook's token is in a file that only root reads."""
        _copy_configuration(ALERTMANAGER_FOLDER, self._folder)
        token = self._folder / "api-token"
        token.touch(mode=0o600)
        token.write_text(self._ground.passwords.api_token.get_secret_value())
        config = alertmanager_config(ALERTMANAGER_FOLDER / "alertmanager.yml", self._api, self._ground.inside(token))
        (self._folder / "alertmanager.yml").write_text(config)

    def program(self) -> Program:
        """`prometheus-alertmanager` on 127.0.0.1 alone, without gossip."""
        inside = self._ground.inside(self._folder)
        command = [
            "/usr/bin/prometheus-alertmanager",
            f"--config.file={inside}/alertmanager.yml",
            f"--storage.path={inside}/data",
            f"--web.listen-address={HOST}:{self._ground.ports.alertmanager}",
            "--cluster.listen-address=",
        ]
        return Program(self.name, self._ground.chroot(*command), stop_signal=self._ground.stop_signal("TERM"))

    def is_ready(self) -> bool:
        """Whether it takes alerts."""
        return _answers(f"{self.url}/-/ready")


def _copy_configuration(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
