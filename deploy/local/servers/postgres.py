"""PostgreSQL with TimescaleDB, from the Debian tree."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg
from pydantic import SecretStr

from dayahead.errors import StackError
from dayahead.settings import PREFIX
from deploy.local.passwords import Passwords
from deploy.local.places import CHECKOUT
from deploy.local.ports import HOST
from deploy.local.servers.server import Ground
from deploy.local.supervision import Program

BIN = "/usr/lib/postgresql/17/bin"
SUPERUSER = "postgres"
OWNER = "dayahead_owner"
OWNER_FILE = CHECKOUT / "deploy" / "postgres" / "owner.sql"
APP = "dayahead_app"
SERVICES = ("ingest", "worker", "trainer", "api")
"""Services, each with its own role."""

DATABASE = "dayahead"


def database_url(role: str, password: SecretStr, port: int, database: str = DATABASE) -> str:
    """The postgresql:// URL of a role on this machine."""
    return f"postgresql://{role}:{quote(password.get_secret_value(), safe='')}@{HOST}:{port}/{database}"


def service_urls(passwords: Passwords, port: int) -> dict[str, str]:
    """The postgresql:// URL of each service, by name, with a role of least privilege."""
    return {name: database_url(f"dayahead_{name}", getattr(passwords, f"database_{name}"), port) for name in SERVICES}


class Postgres:
    """One cluster: its superuser makes the role that owns the tables, all other roles come by `dayahead migrate`.

    In a cluster that version 0.2.0 or earlier made, the owner is the superuser; it stays so.
    """

    name = "postgres"
    ready_within_s = 60.0  # after a crash it replays its WAL first

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._data = ground.folder / "postgres"
        self._made = ground.folder / "postgres.made"  # says who the superuser is; empty in an older version

    def superuser_url(self, database: str = DATABASE) -> str:
        """The postgresql:// URL of a database for the superuser."""
        return self._url(*self._superuser, database)

    @property
    def _superuser(self) -> tuple[str, SecretStr]:
        """Its name and password."""
        passwords = self._ground.passwords
        if self._made.exists() and self._made.read_text() != SUPERUSER:
            return OWNER, passwords.database_owner
        return SUPERUSER, passwords.database_superuser

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
        """Create the cluster the first time, or again if a killed run left it incomplete.

        Raises:
            StackError: initdb failed.
        """
        finished = self._data / "PG_VERSION"
        if self._made.exists() and finished.exists():
            self._forget_dead_postmaster()
            return
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir()
        password_file = self._ground.folder / "postgres.password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._ground.passwords.database_superuser.get_secret_value())
        for path in (self._data, password_file):
            subprocess.run(self._ground.chroot("chown", "postgres:postgres", self._ground.inside(path)), check=True)
        command = [f"{BIN}/initdb", "--pgdata", self._ground.inside(self._data), "--username", SUPERUSER]
        command += ["--auth=scram-sha-256", f"--pwfile={self._ground.inside(password_file)}"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8"]
        command += [] if self._ground.durable else ["--no-sync"]
        done = subprocess.run(
            self._ground.chroot(*command, user="postgres"), capture_output=True, text=True, check=False
        )
        password_file.unlink()
        if done.returncode:
            raise StackError(f"initdb could not create the PostgreSQL cluster: {done.stderr.strip()}")
        unfinished = self._made.with_suffix(".unfinished")
        unfinished.write_text(SUPERUSER)
        unfinished.rename(self._made)

    def _forget_dead_postmaster(self) -> None:
        """Remove the pid file of a killed server if its pid now belongs to another program.

        PostgreSQL would mistake that program for itself and refuse to start; it handles every other case itself.
        """
        pid_file = self._data / "postmaster.pid"
        if not pid_file.exists():
            return
        comm = Path("/proc") / pid_file.read_text().split("\n", 1)[0].strip() / "comm"
        if comm.exists() and comm.read_text().strip() != "postgres":
            pid_file.unlink()

    def program(self) -> Program:
        """`postgres` on 127.0.0.1 only, without a unix socket."""
        settings = {
            "listen_addresses": HOST,
            "port": str(self._ground.ports.postgres),
            "unix_socket_directories": "",
            "dynamic_shared_memory_type": "sysv",  # the chroot has no /dev/shm
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
            # INT is PostgreSQL's fast shutdown; a kill of the postmaster alone would leave its children for a moment
            stop_signal="INT" if self._ground.durable else "QUIT",
        )

    def is_ready(self) -> bool:
        """Whether it accepts the superuser's password; creates owner and database the first time.

        Raises:
            StackError: it rejects the password, or the owner could not be made.
        """
        try:
            with psycopg.connect(self.superuser_url("postgres"), autocommit=True, connect_timeout=2) as connection:
                known = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s AND datdba = to_regrole(%s)", [DATABASE, OWNER]
                ).fetchone()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StackError(
                    f"PostgreSQL rejects the password in .env for {self._superuser[0]}: its data was created with "
                    f"another. Put the old .env back, or delete the data with `make clean`."
                ) from error
            return False
        if not known:
            self._make_owner()
        return True

    def _make_owner(self) -> None:
        arguments = ["--no-psqlrc", "--quiet", "--host", HOST, "--port", str(self._ground.ports.postgres)]
        superuser, password = self._superuser
        environment = {
            **os.environ,
            "PGPASSWORD": password.get_secret_value(),
            f"{PREFIX}OWNER_PASSWORD": self._ground.passwords.database_owner.get_secret_value(),
        }
        command = self._ground.chroot(f"{BIN}/psql", *arguments, "--username", superuser, "postgres")
        with OWNER_FILE.open() as statements:
            done = subprocess.run(
                command, stdin=statements, capture_output=True, text=True, check=False, env=environment
            )
        if done.returncode:
            raise StackError(f"{OWNER_FILE} failed: role {OWNER} and its database are not there: {done.stderr.strip()}")
