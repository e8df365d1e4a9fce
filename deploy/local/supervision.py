"""Supervisord: its configuration, generated from a list of programs, and its control through a unix socket."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from dayahead.errors import StackError
from dayahead.settings import PREFIX
from deploy.local.waiting import wait_until

SETTING_PREFIXES = (PREFIX, "MLFLOW_")
"""What the services' settings in the environment begin with."""
FINGERPRINT = f"{PREFIX}FINGERPRINT"
ALIVE = ("RUNNING", "STARTING", "BACKOFF")
COMMENT = re.compile(r"\s[#;]")
SOCKET_PATH_LIMIT = 95  # a unix socket's path has 107 bytes, and supervisord adds its pid while it binds


@dataclass(frozen=True)
class Program:
    """A process that supervisord keeps alive.

    Attributes:
        directory: what it is started in; the stack's folder where not given.
        settle_s: one that ends sooner counts as a failed start, and failed starts are retried ever more slowly.
        stop_signal: what ends it in good order.
        fingerprint: of what it reads besides its environment: where that changes, a running one is restarted.
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
            StackError: a value cannot be written into it.
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
    """A value of `environment=`: its quotes cannot be escaped and are stripped, and a blank may begin a comment.

    Raises:
        StackError: it cannot be written there.
    """
    mark = "'" if '"' in value else '"'
    if mark in value or "\n" in value or COMMENT.search(value) or value != value.strip("'\""):
        raise StackError(
            f"{name} in the environment begins or ends with a quote, or holds both kinds of them, a line break, or "
            "# or ; after a blank: put it into .env instead"
        )
    return f"{mark}{value}{mark}"


def _escape(text: str) -> str:
    """Supervisord expands `%(name)s` in every value, so a percent sign is written twice."""
    return text.replace("%", "%%")


def log_file(folder: Path, name: str) -> Path:
    """Where the output of a program of the stack in `folder` is kept."""
    return folder / "log" / f"{name}.log"


def socket_path(folder: Path) -> Path:
    """The control socket: in the stack's folder, or in the temporary one where that path is too long for a socket."""
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
    """What supervisord says of a program: a state (`RUNNING`, `BACKOFF`, …) and a sentence (`pid 12, uptime 0:01`)."""

    name: str
    state: str
    description: str
    pid: int


class Supervisor:
    """Starts, asks and stops the supervisord of the stack in one folder."""

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
        """Start supervisord with these programs known and none started; a running one takes up what changed.

        Programs that changed are restarted if they ran; those that are gone are stopped. Programs inherit the
        environment of this process without the settings in it: those of a later `start` may be others.

        Args:
            programs: what it is to keep alive.
            dies_with_parent: end everything when the process that called this ends, however it ends.

        Returns:
            Names of the programs that were restarted or stopped for good.

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
        # supervisor imports pkg_resources where it is there, and that warns of its own end
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
        """What every program is doing, by name; empty when supervisord does not run."""
        try:
            answers = self._call("supervisor.getAllProcessInfo")
        except (OSError, xmlrpc.client.Error):
            return {}
        return {a["name"]: ProgramState(a["name"], a["statename"], a["description"], int(a["pid"])) for a in answers}

    def start_programs(self, names: Sequence[str]) -> None:
        """Start those programs that do not run yet, without waiting for them to be ready."""
        states = self.states()
        for name in names:
            if states[name].state not in ALIVE:
                self._call("supervisor.startProcess", name, False)

    def stop(self, names: Sequence[str]) -> None:
        """Stop these programs at the same time and wait until all have ended (supervisord kills what does not)."""
        asked = []
        for name, state in self.states().items():
            if name in names and state.state in ALIVE:
                try:
                    self._call("supervisor.stopProcess", name, False)
                except xmlrpc.client.Fault:
                    continue  # it ended between the two questions
                asked.append(name)
        if asked:
            wait_until(
                lambda: all(self.states()[name].state in ("STOPPED", "EXITED", "FATAL") for name in asked),
                60,
                f"{', '.join(asked)} to stop",
            )

    def shutdown(self) -> None:
        """End supervisord itself, and with it whatever it still runs."""
        if not self.is_running():
            return
        self._call("supervisor.shutdown")
        wait_until(lambda: not self.is_running(), 60, "supervisord to end")
