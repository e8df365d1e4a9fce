"""PostgreSQL with TimescaleDB, from the Debian tree."""

import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql
from pydantic import SecretStr

from dayahead.errors import StackError
from deploy.local.passwords import Passwords
from deploy.local.ports import HOST
from deploy.local.servers.server import Ground
from deploy.local.supervision import Program

BIN = "/usr/lib/postgresql/17/bin"
OWNER = "dayahead_owner"
APP = "dayahead_app"
SERVICES = ("ingest", "worker", "trainer", "api")
"""Each has its own role."""

DATABASE = "dayahead"


def database_url(role: str, password: SecretStr, port: int, database: str = DATABASE) -> str:
    """The postgresql:// URL of a role on this machine."""
    return f"postgresql://{role}:{quote(password.get_secret_value(), safe='')}@{HOST}:{port}/{database}"


def service_urls(passwords: Passwords, port: int) -> dict[str, str]:
    """The postgresql:// URL of each service, by its name: one may write what it must, and no more."""
    return {name: database_url(f"dayahead_{name}", getattr(passwords, f"database_{name}"), port) for name in SERVICES}


class Postgres:
    """One cluster; its superuser is the role that owns the tables, everybody else comes by `dayahead migrate`."""

    name = "postgres"
    ready_within_s = 60.0  # after a crash it replays its log first

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._data = ground.folder / "postgres"

    def owner_url(self, database: str = DATABASE) -> str:
        """The postgresql:// URL of a database for the role that owns everything."""
        return self._url(OWNER, self._ground.passwords.database_owner, database)

    def app_url(self, database: str = DATABASE) -> str:
        """The postgresql:// URL of a database for the role of commands (which `dayahead migrate` makes)."""
        return self.role_url("app", database)

    def role_url(self, role: str, database: str = DATABASE) -> str:
        """The postgresql:// URL of a database for a role: app, reader, or the name of a service."""
        return self._url(f"dayahead_{role}", getattr(self._ground.passwords, f"database_{role}"), database)

    def _url(self, role: str, password: SecretStr, database: str) -> str:
        return database_url(role, password, self._ground.ports.postgres, database)

    def prepare(self) -> None:
        """Make the cluster the first time; one that a killed run left incomplete is made again.

        Raises:
            StackError: initdb failed.
        """
        finished = self._data / "PG_VERSION"
        made = self._ground.folder / "postgres.made"
        if made.exists() and finished.exists():
            self._forget_dead_postmaster()
            return
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir()
        password_file = self._ground.folder / "postgres.password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._ground.passwords.database_owner.get_secret_value())
        for path in (self._data, password_file):
            subprocess.run(self._ground.chroot("chown", "postgres:postgres", self._ground.inside(path)), check=True)
        command = [f"{BIN}/initdb", "--pgdata", self._ground.inside(self._data), "--username", OWNER]
        command += ["--auth=scram-sha-256", f"--pwfile={self._ground.inside(password_file)}"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8"]
        command += [] if self._ground.durable else ["--no-sync"]
        done = subprocess.run(
            self._ground.chroot(*command, user="postgres"), capture_output=True, text=True, check=False
        )
        password_file.unlink()
        if done.returncode:
            raise StackError(f"initdb could not create the PostgreSQL cluster: {done.stderr.strip()}")
        made.touch()

    def _forget_dead_postmaster(self) -> None:
        """Remove the pid file of a server that was killed, if its pid belongs to another program by now.

        PostgreSQL would take that program for itself and refuse to start; any other case it sorts out better than we.
        """
        pid_file = self._data / "postmaster.pid"
        if not pid_file.exists():
            return
        comm = Path("/proc") / pid_file.read_text().split("\n", 1)[0].strip() / "comm"
        if comm.exists() and comm.read_text().strip() != "postgres":
            pid_file.unlink()

    def program(self) -> Program:
        """`postgres` on 127.0.0.1 alone, without a unix socket."""
        settings = {
            "listen_addresses": HOST,
            "port": str(self._ground.ports.postgres),
            "unix_socket_directories": "",
            "dynamic_shared_memory_type": "sysv",  # the tree has no /dev/shm of its own
            "shared_preload_libraries": "timescaledb",
            "timescaledb.telemetry_level": "off",
            "max_connections": "200",
            "max_worker_processes": "32",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self._ground.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [f"{BIN}/postgres", "-D", self._ground.inside(self._data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return Program(
            self.name,
            self._ground.chroot(*command, user="postgres"),
            # INT is PostgreSQL's fast shutdown; killing the postmaster alone would leave its children for a moment
            stop_signal="INT" if self._ground.durable else "QUIT",
        )

    def is_ready(self) -> bool:
        """Whether it takes connections with the owner's password; makes the service's database the first time.

        Raises:
            StackError: it rejects the password.
        """
        try:
            with psycopg.connect(self.owner_url("postgres"), autocommit=True, connect_timeout=2) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StackError(
                    f"PostgreSQL rejects the password in .env for {OWNER}: its data was created with another. "
                    f"Put the old .env back, or delete the data with `make clean`."
                ) from error
            return False
        return True
