"""What each role of the database may do, and what it may not: tried as the role itself."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from dayahead.settings import MigrationSettings
from dayahead.storage.migrate import migrate_database
from dayahead.storage.retention import Retention, RetentionSettings
from deploy.local.stack import LocalStack
from tests.conftest import FreshDatabase

pytestmark = pytest.mark.servers

ALL_ROLES = "dayahead_app, dayahead_ingest, dayahead_worker, dayahead_trainer, dayahead_api, dayahead_reader"
ROLES = ("app", "ingest", "worker", "trainer", "api", "reader")
WRITERS: dict[str, set[str]] = {
    "source": {"ingest", "app"},
    "poll_cursor": {"ingest", "app"},
    "poll_failure": {"ingest", "app"},
    "backfill": {"ingest", "app"},
    "limit_loss": {"ingest", "app"},
    "total_cursor": {"ingest", "app"},
    "total_hour": {"ingest", "app"},
    "reference_series": {"ingest", "app"},
    "reference_forecast": {"ingest", "app"},
    "reference_score": {"ingest", "app"},
    "reference_day_score": {"ingest", "app"},
    "weather_source": {"ingest", "app"},
    "weather_poll": {"ingest", "app"},
    "weather_backfill": {"ingest", "app"},
    "series": {"worker", "app"},
    "observation": {"worker", "app"},
    "observation_revision": {"worker", "app"},
    "feature_snapshot": {"worker", "app"},
    "forecast": {"worker", "app"},
    "forecast_superseded": {"worker", "app"},
    "day_ahead": {"worker", "app"},
    "day_ahead_score": {"worker", "app"},
    "score": {"worker", "app"},
    "day_score": {"worker", "app"},
    "accuracy_day": {"worker", "app"},
    "partition_quality": {"worker", "app"},
    "drift_event": {"worker", "app"},
    "drift_watched": {"worker", "app"},
    "worker_offset": {"worker", "app"},
    "limit_rejection": {"worker", "app"},
    "weather_run": {"worker", "ingest", "app"},
    "weather_arrival": {"worker", "app"},
    "model_release": {"trainer", "app"},
    "release_shape": {"trainer", "app"},
    "promotion": {"trainer", "api", "app"},
    "tuning_run": {"trainer", "app"},
    "training_quarantine": {"trainer", "app"},
    "retune_request": {"trainer", "app"},
    "model_report": {"trainer", "app"},
    "report_piece": {"trainer", "app"},
    "dead_letter_replay": {"app"},
    "schema_version": set(),
    "retention_cut": set(),
}
"""Who may insert into each table."""

OWNERS: tuple[LiteralString, ...] = (
    "TRUNCATE observation",
    "DROP TABLE observation",
    "ALTER TABLE observation ADD COLUMN more integer",
    "CREATE TABLE mine (id integer)",
    "UPDATE schema_version SET number = 9999",
    "SELECT drop_chunks('observation', older_than => now())",
    "CREATE ROLE another SUPERUSER",
    "ALTER ROLE dayahead_owner PASSWORD 'known'",
    "COPY source TO PROGRAM 'cat'",
)
"""What none of the roles may."""

OTHERS: dict[str, tuple[LiteralString, ...]] = {
    "ingest": (
        "DELETE FROM observation",
        "UPDATE forecast SET rung = 0",
        "SELECT artifact FROM model_release",
    ),
    "worker": (
        "DELETE FROM observation",
        "UPDATE promotion SET reason = ''",
        "UPDATE source SET name = ''",
    ),
    "trainer": (
        "UPDATE observation SET value = 0",
        "UPDATE model_release SET artifact = ''",
        "DELETE FROM promotion",
    ),
    "api": (
        "UPDATE observation SET value = 0",
        "UPDATE forecast SET rung = 0",
        "DELETE FROM promotion",
    ),
    "reader": ("UPDATE observation SET value = 0", "DELETE FROM forecast"),
}
"""What a role may not, and another one does."""

Connect = Callable[[str], psycopg.Connection]


@pytest.fixture
def connect_as(stack: LocalStack, database: FreshDatabase) -> Connect:
    """Opens a connection of a role to a migrated database."""
    passwords = {f"{role}_password": getattr(stack.passwords, f"database_{role}") for role in ROLES}
    settings = MigrationSettings(**passwords, reader_statement_timeout_s=1, reader_connections=2)
    migrate_database(database.owner_url, roles=settings.roles())

    def connect(role: str) -> psycopg.Connection:
        # what a session may lift itself protects nothing: the rights have to
        options = "-c default_transaction_read_only=off"
        return psycopg.connect(stack.postgres.role_url(role, database.name), autocommit=True, options=options)

    return connect


def test_every_table_has_its_writers_and_no_role_may_empty_drop_or_change_one(connect_as: Connect) -> None:
    for role in ROLES:
        with connect_as(role) as connection:
            tables = connection.execute(
                "SELECT relname, has_table_privilege(oid, 'INSERT'), has_table_privilege(oid, 'TRUNCATE'),"
                " has_table_privilege(oid, 'TRIGGER') FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            ).fetchall()
            assert {name for name, *_ in tables} == set(WRITERS), "add the new table to roles.sql and to WRITERS"
            assert {name for name, may_insert, *_ in tables if may_insert} == {
                name for name, writers in WRITERS.items() if role in writers
            }
            assert not [name for name, _, may_empty, may_trigger in tables if may_empty or may_trigger]


def test_a_role_is_refused_what_only_the_owner_may(connect_as: Connect) -> None:
    for role in ROLES:
        with connect_as(role) as connection:
            for statement in OWNERS:
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(statement)


def test_a_service_is_refused_what_another_one_does(connect_as: Connect) -> None:
    for role, statements in OTHERS.items():
        with connect_as(role) as connection:
            for statement in statements:
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(statement)


def test_what_was_granted_by_an_older_version_is_taken_back(connect_as: Connect, database: FreshDatabase) -> None:
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO dayahead_app")
    migrate_database(database.owner_url)
    with connect_as("app") as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("TRUNCATE observation")


def test_a_query_of_the_reader_is_cancelled_in_time_and_its_connections_are_limited(connect_as: Connect) -> None:
    with connect_as("reader") as first, connect_as("reader"):
        with pytest.raises(psycopg.errors.QueryCanceled):
            first.execute("SELECT pg_sleep(30)")
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            connect_as("reader")


@pytest.mark.parametrize(("maker", "user"), [("trainer", "app"), ("app", "trainer")])
def test_the_studies_of_one_role_are_open_to_the_other_that_tunes(connect_as: Connect, maker: str, user: str) -> None:
    with connect_as(maker) as connection:
        connection.execute("CREATE TABLE optuna.study (id serial PRIMARY KEY, name text)")
    with connect_as(user) as connection:
        connection.execute("INSERT INTO optuna.study (name) VALUES ('mine')")
    for other in ("worker", "api", "reader"):
        with connect_as(other) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute("SELECT * FROM optuna.study")


def test_a_role_without_a_password_cannot_log_in(stack: LocalStack, database: FreshDatabase) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("CREATE ROLE dayahead_silent LOGIN")
        url = stack.postgres.role_url("app", database.name).replace("dayahead_app:", "dayahead_silent:")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url)
        owner.execute("DROP ROLE dayahead_silent")


def test_the_owner_of_the_stack_may_make_roles_and_is_no_superuser(database: FreshDatabase) -> None:
    with psycopg.connect(database.owner_url) as owner:
        assert owner.execute(
            "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone() == ("dayahead_owner", False, True, False, False, False)
        assert owner.execute(
            "SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()"
        ).fetchone() == ("dayahead_owner",)


def test_an_owner_by_any_name_needs_no_superuser(stack: LocalStack, database: FreshDatabase) -> None:
    """As with a managed database: it owns the database, and may make roles."""
    name = f"{database.name}_owned"
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE plain_owner LOGIN CREATEROLE NOSUPERUSER PASSWORD 'plain'")
        superuser.execute(f"CREATE DATABASE {name} OWNER plain_owner".encode())
        # the roles are there already, in this cluster; elsewhere who makes them may grant them
        superuser.execute(f"GRANT {ALL_ROLES} TO plain_owner WITH ADMIN OPTION".encode())
        try:
            url = make_conninfo(stack.postgres.owner_url(name), user="plain_owner", password="plain")
            assert len(migrate_database(url)) > 0
            assert migrate_database(url) == []
            with psycopg.connect(stack.postgres.role_url("app", name), autocommit=True) as app:
                app.execute(
                    "INSERT INTO observation (series_key, valid_time, value, available_at) VALUES (1, now(), 1, now())"
                )
                with pytest.raises(InsufficientPrivilege):
                    app.execute("TRUNCATE observation")
            settings = RetentionSettings.model_construct(retain_observation_days=60)
            with psycopg.connect(url, autocommit=True) as owner:
                assert Retention(owner, settings, lambda: datetime.now(UTC)).run()[0].count == 0
        finally:
            superuser.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
            superuser.execute("DROP OWNED BY plain_owner")
            superuser.execute("DROP ROLE plain_owner")
