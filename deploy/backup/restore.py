"""Restores a backup so that the workers continue from it."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import redis
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from dayahead.errors import StackError
from dayahead.settings import MigrationSettings
from dayahead.storage.database import connect
from dayahead.storage.migrate import migrate_database, migrate_topics, was_migrated
from dayahead.storage.roles import give_tables_to, is_superuser
from dayahead.storage.tables.worker_offset import next_offsets, raise_claims
from deploy.backup.backup import DUMP, Manifest, kafka_bounds, read_manifest
from deploy.backup.tools import run_tool

CLAIMS_AHEAD = 1_000_000
"""Added to the claims of all partitions: exceeds the number of takeovers since the backup."""


class Restore:
    """A restore of one backup into the configured database."""

    def __init__(self, settings: MigrationSettings, folder: Path, say: Callable[[str], None]) -> None:
        """Read the manifest.

        Args:
            settings: of the owner.
            folder: of the backup.
            say: prints a line.

        Raises:
            StackError: the folder is not a backup, or its dump was changed.
        """
        self._settings, self._folder, self._say = settings, folder, say
        self._manifest: Manifest = read_manifest(folder)
        self._url = settings.owner_database_url.get_secret_value()
        parts = conninfo_to_dict(self._url)
        self._name = str(parts["dbname"])
        self._owner = str(parts["user"])

    def run(self, *, replace: bool) -> None:
        """Restore, migrate to this version, and print where each partition continues.

        Args:
            replace: whether to drop an existing database of Dayahead first.

        Raises:
            StackError: services are connected, the database is in use, there is no superuser, or pg_restore failed.
            StorageError: TimescaleDB does not answer, or the backup is from a newer version.
        """
        superuser_url = self._superuser_url()
        with connect(make_conninfo(superuser_url, dbname="postgres"), autocommit=True) as server:
            self._check_versions(server)
            self._make_way(server, replace=replace)
        with connect(superuser_url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
            connection.execute("SELECT timescaledb_pre_restore()")
        with (self._folder / DUMP).open("rb") as source:
            run_tool("pg_restore", ["--no-owner", "--no-privileges", "--exit-on-error"], superuser_url, stdin=source)
        with connect(superuser_url, autocommit=True) as connection:
            connection.execute("SELECT timescaledb_post_restore()")
            give_tables_to(connection, self._owner)
            connection.execute("ANALYZE")
        steps = migrate_database(self._url, roles=self._settings.roles())
        self._say(f"tables as of {self._manifest.made_at:%F %T} UTC; migrations since: {', '.join(steps) or 'none'}")
        self._start_over()
        migrate_topics(self._settings)
        for line in self._outlook():
            self._say(line)

    def _superuser_url(self) -> str:
        """The URL of the database for a superuser, which TimescaleDB's `timescaledb_pre_restore` demands.

        An owner that is one itself, as in a cluster of version 0.2.0, is taken before the one of the settings.
        """
        with connect(make_conninfo(self._url, dbname="postgres"), autocommit=True) as server:
            if is_superuser(server):
                return self._url
        if not (url := self._settings.superuser_database_url.get_secret_value()):
            raise StackError(
                f"role {self._owner} is not a superuser and a restore needs one (TimescaleDB): "
                "set DAYAHEAD_SUPERUSER_DATABASE_URL to a postgresql:// URL of a superuser of the same server"
            )
        url = make_conninfo(url, dbname=self._name)
        with connect(make_conninfo(url, dbname="postgres"), autocommit=True) as server:
            if not is_superuser(server):
                raise StackError("the role in DAYAHEAD_SUPERUSER_DATABASE_URL is not a superuser: give it one")
        return url

    def _check_versions(self, server: psycopg.Connection) -> None:
        offered = {
            row[0]
            for row in server.execute("SELECT version FROM pg_available_extension_versions WHERE name = 'timescaledb'")
        }
        if self._manifest.timescaledb not in offered:
            raise StackError(
                f"the backup is of TimescaleDB {self._manifest.timescaledb} and this server offers "
                f"{', '.join(sorted(offered)) or 'none'}: restore it on that version, then upgrade (docs/operations.md)"
            )

    def _make_way(self, server: psycopg.Connection, *, replace: bool) -> None:
        name = sql.Identifier(self._name)
        known = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self._name]).fetchone()
        if known:
            users = server.execute(
                "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'",
                [self._name],
            ).fetchall()
            if users:
                raise StackError(
                    f"database {self._name} is in use by {', '.join(sorted(str(user) for (user,) in users))}: "
                    "stop the services first"
                )
            with psycopg.connect(self._url) as connection:
                filled = was_migrated(connection)
            if filled and not replace:
                raise StackError(
                    f"database {self._name} has tables of Dayahead: a restore deletes them. Back it up if it matters, "
                    "then add --replace"
                )
            # FORCE, since TimescaleDB's scheduler is connected
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(self._owner)))

    def _start_over(self) -> None:
        """Raise all claims, so that workers of the restored tables are the newest owners everywhere.

        Redis rejects a worker whose claim is older than one that it has seen, and may hold forecasts and windows that
        are not in the restored tables: it is emptied, and workers fill it from the tables when they start.
        """
        with connect(self._url, autocommit=True) as connection:
            raise_claims(connection, CLAIMS_AHEAD)
        try:
            with redis.Redis.from_url(self._settings.redis_url.get_secret_value()) as client:
                client.flushdb()
        except redis.RedisError as error:
            raise StackError(
                f"the tables are restored, but Redis was not emptied ({error}): run FLUSHDB there before workers start"
            ) from error

    def _outlook(self) -> list[str]:
        """One sentence per partition: what the workers will read again, or what is lost."""
        bounds = kafka_bounds(self._settings)
        if not bounds:
            return ["Kafka does not answer: the offsets where the workers continue are unknown"]
        with connect(self._url) as connection:
            offsets = next_offsets(connection, self._manifest.topic)
        return [
            _sentence(number, offsets.get(number, low), low, high) for number, (low, high) in sorted(bounds.items())
        ]


def _sentence(partition: int, next_offset: int, low: int, high: int) -> str:
    accept = "start a worker once with DAYAHEAD_WORKER_ACCEPT_LOST_MESSAGES=true"
    if next_offset < low:
        lost = f"messages {next_offset} to {low - 1} are no longer in Kafka"
        return f"partition {partition}: {lost}; read their hours again (dayahead backfill) and {accept}"
    if next_offset > high:
        ends = f"Kafka ends at {high}, before offset {next_offset} of the backup"
        return f"partition {partition}: {ends}, so the topic was recreated; {accept}"
    return f"partition {partition}: workers read {high - next_offset} messages from offset {next_offset} on"
