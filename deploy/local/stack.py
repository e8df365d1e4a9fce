"""The local stack: real servers and the services as supervised processes with their data in one folder."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from dayahead.errors import StackError
from deploy.local.passwords import Passwords
from deploy.local.places import Places
from deploy.local.ports import ServerPorts
from deploy.local.servers.kafka import Kafka
from deploy.local.servers.postgres import Postgres
from deploy.local.servers.redis import Redis
from deploy.local.servers.server import Ground, Server
from deploy.local.strays import find_strays, stop_strays
from deploy.local.supervision import Program, ProgramState, Supervisor, log_file
from deploy.local.waiting import wait_on_progress

LOG_LINES_SHOWN = 12
FAILED = ("BACKOFF", "FATAL", "EXITED")


class LocalStack:
    """PostgreSQL with TimescaleDB, Redis and Kafka on 127.0.0.1, supervised, with their data in one folder.

    The Debian tree and the Kafka jars must be built (deploy/local/tree.py, deploy/local/kafka_libs.py).

    Attributes:
        name: of its folder; stacks with different names and ports run at the same time.
        ports: of its servers.
        passwords: of its servers and roles.
        folder: data, logs and configuration.
        postgres: its URLs are `postgres.app_url(database)` and `postgres.owner_url(database)`.
        redis: its URL is `redis.url(number)`.
        kafka: its address is `kafka.bootstrap`.
    """

    def __init__(
        self,
        name: str,
        ports: ServerPorts,
        passwords: Passwords,
        *,
        places: Places | None = None,
        durable: bool = True,
        dies_with_parent: bool = False,
        kafka_login: bool = False,
        more_servers: Callable[[Ground], Sequence[Server]] = lambda ground: (),
        services: Sequence[Program] = (),
    ) -> None:
        """Store the arguments; nothing is started or written yet.

        Args:
            name: of its folder.
            ports: of its servers.
            passwords: of its servers.
            places: of tree, jars and data.
            durable: False trades durability for speed, for data that is discarded.
            dies_with_parent: stop the stack when the process that started it ends, even by SIGKILL.
            kafka_login: whether clients of Kafka log in with a password; not needed on loopback.
            more_servers: servers in addition to the three that every stack has.
            services: processes that `start_services` starts.
        """
        places = places or Places()
        self.name = name
        self.places = places
        self.passwords = passwords
        self.ports = ports
        self.folder = places.stacks / name
        ground = Ground(places, self.folder, ports, passwords, durable, kafka_login)
        self.postgres = Postgres(ground)
        self.redis = Redis(ground)
        self.kafka = Kafka(ground)
        self.servers: Sequence[Server] = (self.postgres, self.redis, self.kafka, *more_servers(ground))
        self.services = tuple(services)
        self._dies_with_parent = dies_with_parent
        self._supervisor = Supervisor(self.folder)

    def is_running(self) -> bool:
        """Whether supervisord is running."""
        return self._supervisor.is_running()

    def strays(self) -> list[str]:
        """Names of processes that still run although their supervisord was killed; sorted."""
        return [] if self.is_running() else sorted({stray.name for stray in find_strays(self.folder)})

    def stop_strays(self) -> list[str]:
        """Stop the processes of a killed supervisord cleanly: services, then servers.

        Returns:
            Names of the stopped processes; empty if supervisord is running.
        """
        if self.is_running():
            return []
        programs = [*self.services, *(server.program() for server in self.servers)]
        return stop_strays(self.folder, programs, {server.name for server in self.servers})

    def start_servers(self) -> list[str]:
        """Prepare what is missing, start all servers in parallel and wait until each is ready.

        Running servers and services whose configuration changed are restarted; the others are left alone.

        Returns:
            Names of the processes that were restarted or removed.

        Raises:
            StackError: one does not start; the message ends with its last log lines.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        self.stop_strays()
        with ThreadPoolExecutor(len(self.servers)) as pool:
            list(pool.map(lambda server: server.prepare(), self.servers))
            programs = [server.program() for server in self.servers]
            touched = self._supervisor.start((*programs, *self.services), dies_with_parent=self._dies_with_parent)
            self._supervisor.start_programs([server.name for server in self.servers])
            list(pool.map(self._wait_for, self.servers))
        return touched

    def set_services(self, services: Sequence[Program]) -> None:
        """Replace the programs of the services; the next `start_servers` applies the changes."""
        self.services = tuple(services)

    def _wait_for(self, server: Server) -> None:
        def answered() -> bool:
            state = self._supervisor.states()[server.name]
            if state.state in FAILED:
                raise StackError(f"{server.name} ends as soon as it starts ({state.description})")
            return server.is_ready()

        log = log_file(self.folder, server.name)
        try:
            # a server with a long recovery writes its progress to its log
            wait_on_progress(
                answered,
                lambda: log.stat().st_size if log.exists() else 0,
                server.ready_within_s,
                f"{server.name} to answer",
                pause_s=0.1,
            )
        except StackError as error:
            raise StackError(
                f"{error}. The last lines of {log}:\n{last_lines(log)}\n"
                f"Fix the problem above and run the command again; `make clean` deletes all local data."
            ) from error

    def start_services(self, names: Sequence[str]) -> None:
        """Start services by name, without waiting; /health/ready reports when they are ready."""
        self._supervisor.start_programs(names)

    def states(self) -> dict[str, ProgramState]:
        """State of each server and service; empty if the stack is down."""
        return self._supervisor.states()

    def ends(self) -> Mapping[str, int]:
        """How often each server and service ended by itself in the last minutes (`ENDS_WITHIN`)."""
        return self._supervisor.ends(datetime.now())  # noqa: DTZ005 - supervisord writes the time of this machine

    def stop(self) -> list[str]:
        """Stop the services, then the servers, then supervisord; data is kept.

        Returns:
            Names of stopped strays: processes of a killed supervisord.
        """
        servers = {server.name for server in self.servers}
        names = self.states().keys()
        self._supervisor.stop([name for name in names if name not in servers])
        self._supervisor.stop([name for name in names if name in servers])
        self._supervisor.shutdown()
        return self.stop_strays()

    def remove(self) -> list[str]:
        """Stop everything and delete the data; returns as `stop`."""
        strays = self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        return strays


def last_lines(log: Path, count: int = LOG_LINES_SHOWN) -> str:
    """The last lines of a log, indented, or a note that it is empty."""
    if not log.exists():
        return "  (it wrote nothing)"
    return "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-count:])
