"""The user's stack, built from the settings: servers, services, and their addresses."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from dayahead.settings import PREFIX
from deploy.local.applied import AppliedSettings, digests_of, fingerprint, settings_of
from deploy.local.env_file import EnvFile
from deploy.local.places import Places
from deploy.local.ports import HOST, ServerPorts
from deploy.local.preflight import PortUse
from deploy.local.servers.postgres import service_urls
from deploy.local.servers.server import Ground, Server
from deploy.local.servers.watching import Alertmanager, Prometheus
from deploy.local.services import ServiceProcess, service_processes
from deploy.local.stack import LocalStack
from deploy.local.supervision import SETTING_PREFIXES, STANDARD_PREFIX
from deploy.settings import StackSettings


@dataclass(frozen=True)
class Assembly:
    """A stack with the services that belong to it.

    Attributes:
        stack: servers and supervisord.
        services: the processes other than the servers.
        env_file: passwords and addresses, for the services and for every other `dayahead` command.
    """

    settings: StackSettings
    stack: LocalStack
    services: Sequence[ServiceProcess]
    env_file: EnvFile

    def ports(self) -> list[PortUse]:
        """Every listening port."""
        servers = [
            PortUse(field.name, getattr(self.stack.ports, field.name), f"{PREFIX}{field.name.upper()}_PORT")
            for field in fields(ServerPorts)
        ]
        services = [
            PortUse(service.name, service.port, f"{PREFIX}{service.job.upper()}_PORT") for service in self.services
        ]
        return [*servers, *services]

    def write_env(self) -> None:
        """Write the addresses and passwords of the servers to `.env`, for every `dayahead` command."""
        self.env_file.keep(self.stack.passwords)
        self.env_file.set(
            {
                f"{PREFIX}DATABASE_URL": self.stack.postgres.app_url(),
                f"{PREFIX}OWNER_DATABASE_URL": self.stack.postgres.owner_url(),
                f"{PREFIX}SUPERUSER_DATABASE_URL": self.stack.postgres.superuser_url(),
                f"{PREFIX}REDIS_URL": self.stack.redis.url(),
                f"{PREFIX}KAFKA_BOOTSTRAP": self.stack.kafka.bootstrap,
                f"{PREFIX}KAFKA_SECURITY": "PLAINTEXT",  # on loopback only
                f"{PREFIX}PROMETHEUS_URL": f"http://{HOST}:{self.settings.prometheus_port}",
                f"{PREFIX}ALERTMANAGER_URL": f"http://{HOST}:{self.settings.alertmanager_port}",
                # for `dayahead dashboards publish` to a Grafana on this machine
                f"{PREFIX}GRAFANA_PROMETHEUS_URL": f"http://{HOST}:{self.settings.prometheus_port}",
                f"{PREFIX}GRAFANA_DATABASE_URL": self.stack.postgres.role_url("reader"),
            }
        )

    def apply_settings(self) -> list[str]:
        """Start the servers, and restart running processes whose settings changed.

        Returns:
            Processes that were restarted or removed, with the changed variables if known; empty if the
            stack was not running.

        Raises:
            StackError: a server does not start.
        """
        directory = self.env_file.path.parent
        given = {name: value for name, value in os.environ.items() if name.startswith(SETTING_PREFIXES)}
        written = self.env_file.read()
        values = {**written, **given}
        # services read the other variables of `.env` themselves
        given = {name: value for name, value in written.items() if name.startswith(STANDARD_PREFIX)} | given
        digests = digests_of(self.services, values, directory)
        applied = AppliedSettings(self.stack.folder)
        changed = applied.changed(digests)
        self.stack.set_services(
            [
                service.program(directory, settings_of(service, given), fingerprint(digests[service.name]))
                for service in self.services
            ]
        )
        touched = self.stack.start_servers()
        applied.keep(digests)
        return [f"{name} ({', '.join(names)})" if (names := changed.get(name)) else name for name in touched]


def assemble(settings: StackSettings, places: Places, directory: Path) -> Assembly:
    """Build the user's stack without starting or writing anything.

    Args:
        settings: its name and ports.
        places: of the tree, the jars and the data.
        directory: of `.env`, and working directory of the services.
    """
    env_file = EnvFile(directory / ".env")
    passwords = env_file.passwords(os.environ)
    urls = service_urls(passwords, settings.postgres_port)
    services = service_processes(settings, places.stacks / settings.stack_name, urls)

    def watchers(ground: Ground) -> Sequence[Server]:
        targets = [service.target for service in services if service.scraped]
        return [Prometheus(ground, targets, f"{HOST}:{settings.api_port}"), Alertmanager(ground)]

    ports = ServerPorts(
        settings.postgres_port,
        settings.redis_port,
        settings.kafka_port,
        settings.kafka_controller_port,
        settings.prometheus_port,
        settings.alertmanager_port,
    )
    stack = LocalStack(
        settings.stack_name,
        ports,
        passwords,
        places=places,
        more_servers=watchers,
        services=[service.program(directory) for service in services],
    )
    return Assembly(settings, stack, services, env_file)
