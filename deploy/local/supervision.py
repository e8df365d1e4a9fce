"""Supervisord: generates its configuration from a list of programs, and controls it through a unix socket."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import xmlrpc.client
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from dayahead.errors import StackError
from dayahead.settings import PREFIX
from deploy.local.waiting import wait_until

STANDARD_PREFIX = "OTEL_"
"""Prefix of variables of OpenTelemetry, which reads the environment alone."""
SETTING_PREFIXES = (PREFIX, "MLFLOW_", STANDARD_PREFIX)
"""Prefix of the services' environment variables."""
FINGERPRINT = f"{PREFIX}FINGERPRINT"
ALIVE = ("RUNNING", "STARTING", "BACKOFF")
ENDS_WITHIN = timedelta(minutes=10)
ENDS_READ_BYTES = 200_000
ENDED = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ \w+ exited: (\S+) ", re.MULTILINE)
"""A line of supervisord about a program that it did not stop."""
COMMENT = re.compile(r"\s[#;]")
SOCKET_PATH_LIMIT = 95  # a unix socket's path has 107 bytes, and supervisord adds its pid while it binds


@dataclass(frozen=True)
class Program:
    """A process that supervisord keeps alive.

    Attributes:
        directory: working directory; by default the stack's folder.
        settle_s: a process that ends sooner counts as a failed start; those are retried with increasing pauses.
        stop_signal: signal of a clean shutdown.
        fingerprint: of what it reads in addition to its environment; a change restarts it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    settle_s: int = 1
    stop_signal: str = "TERM"
    stop_wait_s: int = 20
    directory: Path | None = None
    fingerprint: str = ""

    def section(self, folder: Path) -> str:
        """The program's section of supervisord.conf; its log goes to `folder`/log/NAME.log.

        Raises:
            StackError: a value cannot be represented in it.
        """
        variables = {**self.environment, **({FINGERPRINT: self.fingerprint} if self.fingerprint else {})}
        environment = ",".join(f"{key}={_quoted(key, value)}" for key, value in sorted(variables.items()))
        lines = [
            f"[program:{self.name}]",
            f"command={_escape(shlex.join(self.command))}",
            f"directory={_escape(str(self.directory or folder))}",
            f"environment={_escape(environment)}",
            "autostart=false",
            "autorestart=true",
            f"startsecs={self.settle_s}",
            "startretries=60",
            f"stopsignal={self.stop_signal}",
            f"stopwaitsecs={self.stop_wait_s}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={_escape(str(log_file(folder, self.name)))}",
            "stdout_logfile_maxbytes=20MB",
            "stdout_logfile_backups=2",
        ]
        return "\n".join(lines)


def _quoted(name: str, value: str) -> str:
    """Quote a value of `environment=`, whose quotes cannot be escaped and whose blanks may start a comment.

    Raises:
        StackError: the value cannot be represented.
    """
    mark = "'" if '"' in value else '"'
    if mark in value or "\n" in value or COMMENT.search(value) or value != value.strip("'\""):
        raise StackError(
            f"{name} in the environment begins or ends with a quote, or holds both kinds of them, a line break, or "
            "# or ; after a blank: put it into .env instead"
        )
    return f"{mark}{value}{mark}"


def _escape(text: str) -> str:
    """Double percent signs: supervisord expands `%(name)s` in every value."""
    return text.replace("%", "%%")


def log_file(folder: Path, name: str) -> Path:
    """Log file of a program of the stack in `folder`."""
    return folder / "log" / f"{name}.log"


def socket_path(folder: Path) -> Path:
    """The control socket: in the stack's folder, or in the temporary folder if that path is too long."""
    usual = folder / "supervisor.sock"
    if len(str(usual)) <= SOCKET_PATH_LIMIT:
        return usual
    return Path(tempfile.gettempdir()) / f"dayahead-{sha256(str(folder).encode()).hexdigest()[:16]}.sock"


def render(folder: Path, programs: Sequence[Program]) -> str:
    """The whole supervisord.conf of a stack."""
    head = [
        "[supervisord]",
        f"logfile={_escape(str(folder / 'log' / 'supervisord.log'))}",
        f"pidfile={_escape(str(folder / 'supervisord.pid'))}",
        f"childlogdir={_escape(str(folder / 'log'))}",
        "nodaemon=true",
        "silent=true",
        "",
        "[unix_http_server]",
        f"file={_escape(str(socket_path(folder)))}",
        "chmod=0700",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    return "\n\n".join(["\n".join(head), *(program.section(folder) for program in programs)]) + "\n"


@dataclass(frozen=True)
class ProgramState:
    """Supervisord's state of a program (`RUNNING`, `BACKOFF`, …) and description (`pid 12, uptime 0:01`)."""

    name: str
    state: str
    description: str
    pid: int


class Supervisor:
    """Starts, queries and stops the supervisord of the stack in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = folder / "supervisord.conf"

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{socket_path(self._folder)}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy, method)(*arguments)

    def is_running(self) -> bool:
        """Whether a supervisord answers on the stack's socket."""
        try:
            self._call("supervisor.getState")
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def start(self, programs: Sequence[Program], *, dies_with_parent: bool) -> list[str]:
        """Start supervisord with these programs, none of them started; a running one applies the changes.

        Running programs that changed are restarted; removed ones are stopped. Programs inherit the
        environment of this process without its settings, which may differ at a later `start`.

        Args:
            programs: to supervise.
            dies_with_parent: stop everything when the calling process ends, even by SIGKILL.

        Returns:
            Names of the programs that were restarted or removed.

        Raises:
            StackError: it does not answer.
        """
        (self._folder / "log").mkdir(parents=True, exist_ok=True)
        self._config.touch(mode=0o600)
        self._config.write_text(render(self._folder, programs))
        if self.is_running():
            return self._take_up_changes()
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)]
        if dies_with_parent:
            command = ["setpriv", "--pdeathsig", "TERM", *command]
        # supervisor imports pkg_resources if installed, which prints a deprecation warning
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(SETTING_PREFIXES)}
        environment = {**inherited, "PYTHONWARNINGS": "ignore"}
        output = self._folder / "log" / "supervisord.out"
        with output.open("wb") as sink:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, env=environment
            )
        wait_until(lambda: self.is_running() or process.poll() is not None, 15, "supervisord to answer")
        if process.poll() is not None:
            raise StackError(f"supervisord ended at once (exit {process.returncode}): {output.read_text().strip()}")
        return []

    def _take_up_changes(self) -> list[str]:
        ((added, changed, removed),) = self._call("supervisor.reloadConfig")
        ran = [name for name, state in self.states().items() if state.state in ALIVE]
        touched = [name for name in (*changed, *removed) if name in ran]
        self.stop(touched)
        for name in (*changed, *removed):
            self._call("supervisor.removeProcessGroup", name)
        for name in (*added, *changed):
            self._call("supervisor.addProcessGroup", name)
        self.start_programs([name for name in changed if name in ran])
        return touched

    def states(self) -> dict[str, ProgramState]:
        """State of every program by name; empty if supervisord is not running."""
        try:
            answers = self._call("supervisor.getAllProcessInfo")
        except (OSError, xmlrpc.client.Error):
            return {}
        return {a["name"]: ProgramState(a["name"], a["statename"], a["description"], int(a["pid"])) for a in answers}

    def ends(self, now: datetime) -> Counter[str]:
        """How often each program ended by itself in the last `ENDS_WITHIN`, as supervisord's log has it.

        Args:
            now: the present moment in the time zone of this machine, without it, as supervisord writes it.
        """
        log = self._folder / "log" / "supervisord.log"
        if not log.exists():
            return Counter()
        with log.open("rb") as lines:
            lines.seek(max(0, log.stat().st_size - ENDS_READ_BYTES))
            found = ENDED.findall(lines.read().decode(errors="replace"))
        return Counter(name for at, name in found if now - datetime.fromisoformat(at) < ENDS_WITHIN)

    def start_programs(self, names: Sequence[str]) -> None:
        """Start the programs that are not running yet, without waiting for readiness."""
        states = self.states()
        for name in names:
            if states[name].state not in ALIVE:
                self._call("supervisor.startProcess", name, False)

    def stop(self, names: Sequence[str]) -> None:
        """Stop these programs in parallel and wait until all have ended (supervisord kills them after a timeout)."""
        asked = []
        for name, state in self.states().items():
            if name in names and state.state in ALIVE:
                try:
                    self._call("supervisor.stopProcess", name, False)
                except xmlrpc.client.Fault:
                    continue  # it ended between the two calls
                asked.append(name)
        if asked:
            wait_until(
                lambda: all(self.states()[name].state in ("STOPPED", "EXITED", "FATAL") for name in asked),
                60,
                f"{', '.join(asked)} to stop",
            )

    def shutdown(self) -> None:
        """Shut down supervisord and everything that it still runs."""
        if not self.is_running():
            return
        self._call("supervisor.shutdown")
        wait_until(lambda: not self.is_running(), 60, "supervisord to end")
