"""`dayahead up` on a running stack restarts what a changed setting is for, and nothing else."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.local.applied import AppliedSettings, digests_of, settings_of
from deploy.local.assembly import Assembly
from deploy.local.env_file import EnvFile
from deploy.local.passwords import Passwords
from deploy.local.places import Places
from deploy.local.ports import ServerPorts, free_ports
from deploy.local.servers.server import Ground, Server
from deploy.local.servers.watching import Alertmanager, Prometheus
from deploy.local.services import ServiceProcess, service_processes
from deploy.local.stack import LocalStack
from deploy.local.throwaway import PREFIX, owned
from deploy.settings import StackSettings
from tests.waiting import wait_until

SERVICES = {service.name: service for service in service_processes(StackSettings(_env_file=None), Path("/stack"))}


@pytest.mark.parametrize(
    ("variable", "readers"),
    [
        ("DAYAHEAD_KAFKA_BOOTSTRAP", {"worker-1", "worker-2", "trainer", "api", "ingest"}),
        ("DAYAHEAD_LOG_LEVEL", {"worker-1", "worker-2", "trainer", "api", "ingest", "replay"}),
        ("DAYAHEAD_MAX_RECORDS", {"ingest"}),
        ("DAYAHEAD_TRAINING__SCHEDULE__EVERY_H", {"trainer"}),
        ("MLFLOW_TRACKING_URI", {"trainer"}),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", {"worker-1", "worker-2", "trainer", "api", "ingest"}),
        ("OTEL_TRACES_SAMPLER", {"worker-1", "worker-2", "trainer", "api", "ingest"}),
        ("DAYAHEAD_ALERT_MAPE_WARNING", set()),
        ("DAYAHEAD_METRICS_PORT", set()),  # the stack gives each its own
        ("PATH", set()),
    ],
)
def test_a_setting_is_for_those_who_read_it(variable: str, readers: set[str]) -> None:
    assert {name for name, service in SERVICES.items() if settings_of(service, {variable: "x"})} == readers


def test_what_changed_is_named_by_program_and_nothing_at_the_first_time(tmp_path: Path) -> None:
    applied, services = AppliedSettings(tmp_path), list(SERVICES.values())
    first = digests_of(services, {"DAYAHEAD_LOG_LEVEL": "info", "DAYAHEAD_MAX_RECORDS": "1"}, tmp_path)
    assert applied.changed(first) == {}
    applied.keep(first)
    assert applied.changed(first) == {}
    changed = applied.changed(
        digests_of(services, {"DAYAHEAD_LOG_LEVEL": "info", "DAYAHEAD_ALERT_LAG_S": "9"}, tmp_path)
    )
    watched = ["DAYAHEAD_ALERT_LAG_S"]
    assert changed == {"ingest": ["DAYAHEAD_MAX_RECORDS"], "prometheus": watched, "alertmanager": watched}


def test_a_file_that_a_setting_or_an_argument_names_counts_with_its_content(tmp_path: Path) -> None:
    (tmp_path / "training.yaml").write_text("seed: 1")
    (tmp_path / "meters.yaml").write_text("name: a")
    services = service_processes(
        StackSettings(source_url="http://127.0.0.1:1", source=Path("meters.yaml"), _env_file=None), tmp_path
    )
    values = {"DAYAHEAD_TRAINING_SETTINGS": "training.yaml"}
    applied = AppliedSettings(tmp_path)
    applied.keep(digests_of(services, values, tmp_path))
    (tmp_path / "training.yaml").write_text("seed: 2")
    (tmp_path / "meters.yaml").write_text("name: b")
    assert applied.changed(digests_of(services, values, tmp_path)) == {
        "trainer": ["DAYAHEAD_TRAINING_SETTINGS"],
        "ingest": ["meters.yaml"],
    }


class Sleeper(ServiceProcess):
    """A process that is started as a service is and only sleeps."""

    def program(self, directory: Path, settings: Any = None, fingerprint: str = "") -> Any:

        command = [sys.executable, "-c", "import signal; signal.pause()"]
        return replace(super().program(directory, settings, fingerprint), command=command)


@pytest.fixture
def assembly(tmp_path: Path) -> Iterator[Assembly]:
    """A real supervisord with a real Prometheus, Alertmanager and Redis, and two services."""
    places, name = Places(), f"{PREFIX}applied-{os.getpid()}"
    services = [Sleeper("ingest", "ingest", [], free_ports(1)[0]), Sleeper("trainer", "trainer", [], free_ports(1)[0])]

    def watchers(ground: Ground) -> Sequence[Server]:
        return [Prometheus(ground, [], "127.0.0.1:1"), Alertmanager(ground)]

    with owned(places, name):
        stack = LocalStack(
            name, ServerPorts.free(), Passwords.random(), places=places, dies_with_parent=True, more_servers=watchers
        )
        stack.servers = [server for server in stack.servers if server.name in {"redis", "prometheus", "alertmanager"}]
        try:
            yield Assembly(StackSettings(_env_file=None), stack, services, EnvFile(tmp_path / ".env"))
        finally:
            stack.remove()


@pytest.mark.servers
def test_up_restarts_what_a_change_is_for_and_leaves_the_rest_alone(
    assembly: Assembly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("ingest", "trainer", "redis", "prometheus", "alertmanager")

    def pids() -> dict[str, int]:
        wait_until(lambda: all(assembly.stack.states()[name].pid for name in names), 30, "every process to run")
        return {name: assembly.stack.states()[name].pid for name in names}

    def up() -> tuple[list[str], set[str]]:
        """What is said to be restarted, and what is."""
        before = pids()
        restarted = assembly.apply_settings()
        after = pids()
        return restarted, {name for name in names if before[name] != after[name]}

    assert assembly.apply_settings() == []
    assembly.stack.start_services(["ingest", "trainer"])
    assert up() == ([], set())

    assembly.env_file.set({"DAYAHEAD_MAX_RECORDS": "77"})
    assert up() == (["ingest (DAYAHEAD_MAX_RECORDS)"], {"ingest"})
    assembly.env_file.set({"DAYAHEAD_ALERT_MAPE_WARNING": "0.11"})
    assert up() == (["prometheus (DAYAHEAD_ALERT_MAPE_WARNING)"], {"prometheus"})
    rules = (assembly.stack.folder / "monitoring/rules/forecasts.yml").read_text()
    assert "area:dayahead_alert_mape:24h > 0.11" in rules
    assembly.env_file.set({"DAYAHEAD_ALERT_SLACK_URL": "http://127.0.0.1:1/slack"})
    assert up() == (["alertmanager (DAYAHEAD_ALERT_SLACK_URL)"], {"alertmanager"})

    monkeypatch.setenv("DAYAHEAD_TRAINING__SEED", "7")
    assert up() == (["trainer (DAYAHEAD_TRAINING__SEED)"], {"trainer"})
    environment = Path(f"/proc/{pids()['trainer']}/environ").read_bytes().split(b"\0")
    assert b"DAYAHEAD_TRAINING__SEED=7" in environment
    monkeypatch.delenv("DAYAHEAD_TRAINING__SEED")
    assert up() == (["trainer (DAYAHEAD_TRAINING__SEED)"], {"trainer"})
    assert up() == ([], set())
