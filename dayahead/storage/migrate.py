"""Migrates tables, roles and topics to the version of this code: `dayahead migrate`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import psycopg
import structlog
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError
from psycopg import sql
from pydantic import SecretStr

from dayahead.errors import StorageError
from dayahead.kafka_clients import open_topics_admin
from dayahead.settings import MigrationSettings, Role
from dayahead.storage.database import connect
from dayahead.storage.roles import is_superuser
from dayahead.topics import TIMESTAMP_TYPE, TOPICS, TopicSpec

log = structlog.get_logger()

LOCK_KEY = 0x0DA7A4EAD


@dataclass(frozen=True)
class Migration:
    """A numbered step; never changed once released."""

    number: int
    name: str
    statements: str


def migrations() -> list[Migration]:
    """Return the steps in their order, from the files of folder `migrations`."""
    folder = resources.files("dayahead.storage") / "migrations"
    named = [(re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name), file) for file in folder.iterdir()]
    steps = [Migration(int(name[1]), name[2], file.read_text(encoding="utf-8")) for name, file in named if name]
    return sorted(steps, key=lambda step: step.number)


def migrate_database(
    owner_database_url: SecretStr | str,
    app_password: str = "",
    reader_password: str = "",
    *,
    roles: Sequence[Role] | None = None,
) -> list[str]:
    """Apply the missing steps, then the rights of the roles; idempotent, and safe to run in parallel.

    Args:
        owner_database_url: postgresql:// URL of a role that owns the database and may create roles.
        app_password: password of role dayahead_app; empty leaves it as it is.
        reader_password: password of role dayahead_reader; empty leaves it as it is.
        roles: passwords and limits of all roles, instead of the two passwords and the limits of the default settings.

    Returns:
        Names of the steps applied.

    Raises:
        StorageError: the database is newer than this code, or a step fails and is rolled back.
    """
    steps = migrations()
    applied: list[str] = []
    with connect(owner_database_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        connection.execute("SET client_min_messages = warning")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version"
            " (number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        if is_superuser(connection):
            log.warning("owner_is_superuser", see="docs/operations.md, an owner that is a superuser")
        known = {row[0] for row in connection.execute("SELECT number FROM schema_version")}
        if beyond := known - {step.number for step in steps}:
            raise StorageError(
                f"the database has migration {max(beyond)}, this version of Dayahead ends at {steps[-1].number}: "
                "run the newer version, or restore a backup from before the upgrade"
            )
        for role in roles or _usual_roles(app_password, reader_password):
            _make_role(connection, role)
        for step in steps:
            if step.number not in known:
                _apply(connection, step)
                applied.append(step.name)
        rights = resources.files("dayahead.storage") / "migrations" / "roles.sql"
        with connection.transaction():
            connection.execute(rights.read_text(encoding="utf-8").encode())
    return applied


def _apply(connection: psycopg.Connection, step: Migration) -> None:
    try:
        with connection.transaction():
            connection.execute(step.statements.encode())
            connection.execute("INSERT INTO schema_version (number, name) VALUES (%s, %s)", [step.number, step.name])
    except psycopg.Error as error:
        raise StorageError(f"migration {step.number:04d}_{step.name} failed and was undone: {error}") from error
    log.info("migration_applied", number=step.number, name=step.name)


def _usual_roles(app_password: str, reader_password: str) -> Sequence[Role]:
    settings = MigrationSettings.model_construct(
        app_password=SecretStr(app_password), reader_password=SecretStr(reader_password)
    )
    return settings.roles()


def _make_role(connection: psycopg.Connection, role: Role) -> None:
    """Create a role if it is missing; update its password and limits if they differ."""
    name = sql.Identifier(role.name)
    known = connection.execute(
        "SELECT rolconnlimit, rolconfig FROM pg_roles WHERE rolname = %s", [role.name]
    ).fetchone()
    if known is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    if password := role.password.get_secret_value():
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(password)))
    connections, config = known or (-1, None)
    if connections != role.connections:
        connection.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(name, sql.Literal(role.connections)))
    for parameter, value in role.parameters.items():
        if f"{parameter}={value}" not in (config or ()):
            change = sql.SQL("ALTER ROLE {} SET {} = {}")
            connection.execute(change.format(name, sql.Identifier(parameter), sql.Literal(value)))


def migrate_topics(settings: MigrationSettings) -> list[str]:
    """Create the missing topics, and set the timestamp type of `observations` to the broker's clock.

    Returns:
        Names of the topics created.

    Raises:
        StorageError: `observations` exists with another number of partitions than the settings: series would move.
    """
    admin = open_topics_admin(settings.kafka_bootstrap, "dayahead-migrate")
    try:
        present = set(admin.list_topics())
        created = []
        for spec in TOPICS:
            name = settings.topic_prefix + spec.name
            wanted = settings.partitions if spec.partitioned else 1
            if name in present:
                _check_partitions(admin, name, spec, wanted)
                _set_clock(admin, name, spec)
                continue
            try:
                admin.create_topics([NewTopic(name, wanted, settings.replication_factor, topic_configs=spec.config)])
                created.append(name)
            except TopicAlreadyExistsError:
                _check_partitions(admin, name, spec, wanted)
        return created
    finally:
        admin.close()


def _set_clock(admin: KafkaAdminClient, name: str, spec: TopicSpec) -> None:
    """Set the timestamp type of a topic that an older version created."""
    if (clock := spec.config.get(TIMESTAMP_TYPE)) is None:
        return
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, {TIMESTAMP_TYPE: None})]
    known = admin.describe_configs(asked, config_filter="all")["topic"][name]
    if known[TIMESTAMP_TYPE]["value"] != clock:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {TIMESTAMP_TYPE: clock})])


def _check_partitions(admin: KafkaAdminClient, name: str, spec: TopicSpec, wanted: int) -> None:
    found = len(admin.describe_topics([name])[0]["partitions"])
    if spec.partitioned and found != wanted:
        raise StorageError(
            f"topic {name} has {found} partitions and DAYAHEAD_PARTITIONS says {wanted}: set it to {found}, "
            "or move the series to a topic with another prefix (docs/scaling.md)"
        )


def was_migrated(connection: psycopg.Connection) -> bool:
    """Check whether a database has tables of Dayahead."""
    row = connection.execute("SELECT to_regclass('public.schema_version')").fetchone()
    return row is not None and row[0] is not None


def newest_migration(connection: psycopg.Connection) -> int:
    """Read the number of the newest migration of a database; 0 if there is none."""
    row = connection.execute("SELECT max(number) FROM schema_version").fetchone()
    return row[0] if row and row[0] else 0
