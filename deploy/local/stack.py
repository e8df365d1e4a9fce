"""The local stack: real servers, and the services beside them, as supervised processes of one folder."""

import os
import shutil
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from dayahead.errors import StackError
from deploy.local.passwords import Passwords
from deploy.local.places import Places
from deploy.local.ports import ServerPorts
from deploy.local.servers.kafka import Kafka
from deploy.local.servers.postgres import Postgres
from deploy.local.servers.redis import Redis
from deploy.local.servers.server import Ground, Server
from deploy.local.supervision import Program, ProgramState, Supervisor, log_file, socket_path
from deploy.local.waiting import wait_until

LOG_LINES_SHOWN = 12
ALIVE = ("STARTING", "RUNNING", "BACKOFF", "STOPPING")
FAILED = ("BACKOFF", "FATAL", "EXITED")


class LocalStack:
    """PostgreSQL with TimescaleDB, Redis and Kafka on 127.0.0.1, supervised, with their data in one folder.

    The Debian tree and the Kafka jars must be there (deploy/local/tree.py, deploy/local/kafka_libs.py).

    Attributes:
        name: of its folder; stacks with different names and ports live beside each other.
        ports: where its servers listen.
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
        more_servers: Callable[[Ground], Sequence[Server]] = lambda ground: (),
        services: Sequence[Program] = (),
    ) -> None:
        """Describe a stack; nothing is started or written yet.

        Args:
            name: of its folder.
            ports: where its servers listen.
            passwords: of its servers.
            places: where tree, jars and data are.
            durable: False trades safety against a power cut for speed, for data that is thrown away.
            dies_with_parent: end the stack when the process that started it ends, even when that is killed.
            more_servers: servers beside the three that every stack has.
            services: processes that `start_services` starts.
        """
        places = places or Places()
        self.name = name
        self.places = places
        self.passwords = passwords
        self.ports = ports
        self.folder = places.stacks / name
        ground = Ground(places, self.folder, ports, passwords, durable)
        self.postgres = Postgres(ground)
        self.redis = Redis(ground)
        self.kafka = Kafka(ground)
        self.servers: Sequence[Server] = (self.postgres, self.redis, self.kafka, *more_servers(ground))
        self.services = tuple(services)
        self._dies_with_parent = dies_with_parent
        self._supervisor = Supervisor(self.folder)

    def is_running(self) -> bool:
        """Whether the stack is supervised at the moment."""
        return self._supervisor.is_running()

    def start_servers(self) -> None:
        """Lay out what is missing, start all servers at once and wait until each answers.

        Raises:
            StackError: one does not start; the message ends with its last log lines.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        if not self.is_running():
            kill_strays(self.folder)
        with ThreadPoolExecutor(len(self.servers)) as pool:
            programs = list(pool.map(self._prepared, self.servers))
            self._supervisor.start((*programs, *self.services), dies_with_parent=self._dies_with_parent)
            self._supervisor.start_programs([server.name for server in self.servers])
            list(pool.map(self._wait_for, self.servers))

    def _prepared(self, server: Server) -> Program:
        state = self._supervisor.states().get(server.name)
        if state is None or state.state not in ALIVE:
            server.prepare()
        return server.program()

    def _wait_for(self, server: Server) -> None:
        def answered() -> bool:
            state = self._supervisor.states()[server.name]
            if state.state in FAILED:
                raise StackError(f"{server.name} ends as soon as it starts ({state.description})")
            return server.is_ready()

        try:
            wait_until(answered, server.ready_within_s, f"{server.name} to answer", pause_s=0.1)
        except StackError as error:
            log = log_file(self.folder, server.name)
            raise StackError(
                f"{error}. The last lines of {log}:\n{last_lines(log)}\n"
                f"Mend what they say and start again; `make clean` forgets all local data."
            ) from error

    def start_services(self, names: Sequence[str]) -> None:
        """Start services by name; they find their servers and say on /health/ready when they are ready."""
        self._supervisor.start_programs(names)

    def states(self) -> dict[str, ProgramState]:
        """What each server and service is doing; empty when the stack is down."""
        return self._supervisor.states()

    def stop(self) -> None:
        """Stop the services, then the servers, then supervisord; data stays."""
        servers = {server.name for server in self.servers}
        names = self.states().keys()
        self._supervisor.stop([name for name in names if name not in servers])
        self._supervisor.stop([name for name in names if name in servers])
        self._supervisor.shutdown()
        kill_strays(self.folder)

    def remove(self) -> None:
        """Stop everything and delete the data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def last_lines(log: Path, count: int = LOG_LINES_SHOWN) -> str:
    """The end of a log, indented; says so when there is none."""
    if not log.exists():
        return "  (it wrote nothing)"
    return "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-count:])


def kill_strays(folder: Path) -> None:
    """Kill what a supervisord that was killed itself has left running.

    Every process that supervisord starts has its socket in the environment: nothing else can be meant.
    """
    mark = f"SUPERVISOR_SERVER_URL=unix://{socket_path(folder)}".encode()
    strays = [pid for pid in _processes() if mark in _environment(pid) and pid != os.getpid()]
    for pid in strays:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(mark in _environment(pid) for pid in strays), 20, f"old processes of {folder} to end")


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []  # it has ended
