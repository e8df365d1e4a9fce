import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from fastapi.testclient import TestClient
from psycopg import sql

from api.app import create_app
from api.settings import ApiSettings
from dayahead.storage.migrate import migrate_database
from deploy.local.stack import LocalStack
from tests.api.fakes import NOW, TOKEN, FakeServers
from tests.api.sample import Sample, insert_sample
from tests.api.serving import Site, wait_until_judged
from tests.conftest import SESSION_REDIS_DATABASE


@pytest.fixture
def servers() -> FakeServers:
    """Servers in memory: TimescaleDB is away, Redis is empty, Kafka takes all."""
    return FakeServers()


@dataclass(frozen=True)
class SampleService:
    """The sample in real servers; tests read it and change nothing."""

    sample: Sample
    database_url: str
    redis_url: str

    def settings(self, **more: object) -> ApiSettings:
        """Settings of an API on these servers."""
        given = {"database_url": self.database_url, "redis_url": self.redis_url, "api_token": TOKEN, **more}
        return ApiSettings(_env_file=None, **given)  # type: ignore[arg-type]


@contextmanager
def own_database(stack: LocalStack, prefix: str) -> Iterator[str]:
    """A migrated database that nothing else uses, as the services' role; dropped at the end."""
    name = f"{prefix}_{secrets.token_hex(4)}"
    with psycopg.connect(stack.postgres.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER dayahead_owner").format(sql.Identifier(name)))
    migrate_database(stack.postgres.owner_url(name), stack.passwords.database_app.get_secret_value())
    yield stack.postgres.app_url(name)
    with psycopg.connect(stack.postgres.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def sample_service(stack: LocalStack) -> Iterator[SampleService]:
    """The shipped sample in a separate database, for tests that only read."""
    redis_url = stack.redis.url(SESSION_REDIS_DATABASE)
    with own_database(stack, "api_sample") as database_url:
        yield SampleService(insert_sample(database_url, redis_url, NOW), database_url, redis_url)


@pytest.fixture(scope="session")
def client(sample_service: SampleService) -> Iterator[TestClient]:
    """The API on the sample, called in this process."""
    app = create_app(sample_service.settings(), lambda: NOW)
    with TestClient(app) as client:
        wait_until_judged(app)
        yield client


@pytest.fixture(scope="session")
def sample_site(sample_service: SampleService) -> Iterator[Site]:
    """The API on the sample, over real HTTP."""
    app = create_app(sample_service.settings(), lambda: NOW)
    site = Site(lambda: app)
    site.start()
    wait_until_judged(app)
    yield site
    site.stop()
