"""The servers that integration tests share: one stack a session, started by the first test that asks for it."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import psycopg
import pytest
import redis
from psycopg import sql
from pydantic import SecretStr

from dayahead.kafka_clients import open_admin
from dayahead.settings import MigrationSettings
from dayahead.storage.migrate import migrate_database, migrate_topics
from deploy.local.stack import LocalStack
from deploy.local.throwaway import throwaway_stack
from tests.looking import browser, visit  # noqa: F401 - fixtures

CHECKOUT = Path(__file__).parents[1]
REDIS_DATABASES = 64
SESSION_REDIS_DATABASE = REDIS_DATABASES - 1
EXAMPLES_REDIS_DATABASE = REDIS_DATABASES - 2
"""Both are never given out by `redis_url`: a whole session uses them."""
_numbers = itertools.count()

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile(
    "dayahead", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("dayahead")


LONG_FIRST = ("trainer", "pages", "stream")
"""Folders whose files take minutes each: begun last, one process would be at them while the others have ended."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the whole service, then with the folders of long files."""

    def place(item: pytest.Item) -> tuple[bool, int]:
        folder = item.path.relative_to(CHECKOUT / "tests").parts[0]
        return item.get_closest_marker("end_to_end") is None, (*LONG_FIRST, folder).index(folder)

    items.sort(key=place)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """PostgreSQL with TimescaleDB, Redis and Kafka on free ports; gone when the session ends, also by a kill."""
    with throwaway_stack() as running:
        yield running


@dataclass(frozen=True)
class FreshDatabase:
    """A migrated database of a test's own: `url` is the services' role, `owner_url` may change tables.

    What only a superuser may (end foreign connections, drop databases) is done with `superuser_url`.
    """

    name: str
    url: str
    owner_url: str
    superuser_url: str


@pytest.fixture(scope="session")
def migrated_template(stack: LocalStack) -> str:
    """A migrated database that others are copied from: a copy takes a quarter of the time of the migrations.

    It allows no connections, so that no scheduler of TimescaleDB holds it while it is copied.
    """
    name = "test_template"
    with psycopg.connect(stack.postgres.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER dayahead_owner").format(sql.Identifier(name)))
        migrate_database(stack.postgres.owner_url(name), stack.passwords.database_app.get_secret_value())
        connection.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        connection.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [name])
    return name


@pytest.fixture
def database(stack: LocalStack, migrated_template: str) -> Iterator[FreshDatabase]:
    """A fresh, migrated database for one test."""
    name = f"test_{next(_numbers)}"
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY OWNER dayahead_owner")
    with psycopg.connect(stack.postgres.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(migrated_template)))
    yield FreshDatabase(
        name, stack.postgres.app_url(name), stack.postgres.owner_url(name), stack.postgres.superuser_url(name)
    )
    with psycopg.connect(stack.postgres.superuser_url("postgres"), autocommit=True) as connection:
        # by force: a pool of the test, or TimescaleDB's own scheduler, may still be connected
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database_url(database: FreshDatabase) -> str:
    """A fresh, migrated database for one test, as the services' role."""
    return database.url


@pytest.fixture
def owner_database_url(database: FreshDatabase) -> str:
    """The same database as `database_url`, as the role that owns it."""
    return database.owner_url


@pytest.fixture
def redis_url(stack: LocalStack) -> str:
    """An empty Redis database for one test."""
    url = stack.redis.url(next(_numbers) % EXAMPLES_REDIS_DATABASE)
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
def kafka_bootstrap(stack: LocalStack) -> str:
    """host:port of the Kafka broker."""
    return stack.kafka.bootstrap


@dataclass(frozen=True)
class TopicRoom:
    """A prefix that no other test uses, for topics and for consumer groups.

    Attributes:
        prefix: ends in a dot; goes before every topic name (setting `topic_prefix`).
    """

    bootstrap: str
    prefix: str

    def name(self, topic: str) -> str:
        """A topic's full name."""
        return self.prefix + topic

    def create(self, partitions: int = 4) -> list[str]:
        """Create all topics of the service under the prefix, as `dayahead migrate` does."""
        settings = MigrationSettings(
            kafka_bootstrap=self.bootstrap,
            topic_prefix=self.prefix,
            partitions=partitions,
            owner_database_url=SecretStr(""),
        )
        return migrate_topics(settings)

    def delete(self) -> None:
        """Delete all topics under the prefix."""
        admin = open_admin(self.bootstrap, "tests")
        names = [name for name in admin.list_topics(timeout=60).topics if name.startswith(self.prefix)]
        for deletion in (admin.delete_topics(names) if names else {}).values():
            deletion.result()


@pytest.fixture
def topics(kafka_bootstrap: str) -> Iterator[TopicRoom]:
    """A topic prefix of this test's own; `topics.create()` makes the service's topics under it.

    They are deleted after the test: a broker that is killed recovers every partition when it starts, and the topics
    of 300 tests would take it half a minute of an idle machine.
    """
    room = TopicRoom(kafka_bootstrap, f"t{os.getpid()}-{next(_numbers)}.")
    yield room
    room.delete()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets (DAYAHEAD_TEST_DATA, or ../shared/data next to the checkout); skips if absent."""
    folder = Path(os.environ.get("DAYAHEAD_TEST_DATA", CHECKOUT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set DAYAHEAD_TEST_DATA to the folder that holds it")
    return folder
