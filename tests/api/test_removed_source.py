"""A source that is no longer wanted is in no list and not stale, and its data stays."""

from datetime import timedelta

import psycopg
import pytest
from psycopg_pool import ConnectionPool
from typer.testing import CliRunner

from api.staleness import StalenessJudge
from dayahead.reading.source_file import load_source
from dayahead.storage.status import read_sources
from dayahead.storage.tables.source import register_source
from ingest.source_commands import sources
from tests.api.fakes import NOW, TOKEN, FakeServers
from tests.api.sample import SOURCE, insert_sample
from tests.conftest import FreshDatabase
from tests.waiting import wait_until

pytestmark = pytest.mark.servers


@pytest.fixture
def command(database: FreshDatabase, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("DAYAHEAD_DATABASE_URL", database.url)
    return CliRunner()


def test_a_removed_source_leaves_every_list_and_keeps_its_data(
    database: FreshDatabase, redis_url: str, command: CliRunner
) -> None:
    insert_sample(database.url, redis_url, NOW)
    name = load_source(SOURCE).name
    done = command.invoke(sources, ["remove", name])
    assert done.exit_code == 0, done.output
    assert f"{name}: removed; the data of its " in done.output
    assert "removed at" in command.invoke(sources, ["list"]).output
    with (
        ConnectionPool(database.url, kwargs={"options": "-c timezone=UTC"}) as pool,
        FakeServers(database=pool).client(NOW + timedelta(days=9)) as client,
    ):
        assert client.get("/v1/quality").json()["sources"] == []
        assert client.get("/v1/series").json()["series"] == []
        one = client.get("/v1/series/DK1/111").json()
        assert one["source_detail"]["removed_at"] is not None
        assert one["source_detail"]["stale_reason"].startswith("the source was removed at ")
        assert client.get("/v1/observations/DK1/111").json()["start"]
        sent = client.post(
            "/v1/observations",
            params={"source": name},
            json={"rows": [["DK1/111", "2023-01-01T00:00:00Z", 1.0]]},
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        assert sent.status_code == 404
        assert "dayahead sources register FILE" in sent.json()["detail"]
        with StalenessJudge(pool, lambda: NOW) as judge:
            wait_until(lambda: judge.of("DK1/111", NOW).stale is not None, 20, "the sources to be read")
            verdict = judge.of("DK1/111", NOW)
        assert verdict.stale
        assert f"source {name}: the source was removed at" in verdict.reason
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM observation").fetchone() == (True,)
        register_source(connection, load_source(SOURCE))
        assert [one.removed_at for one in read_sources(connection, NOW)] == [None]


def test_an_unknown_source_is_refused_with_those_that_there_are(command: CliRunner, database: FreshDatabase) -> None:
    with psycopg.connect(database.url) as connection:
        register_source(connection, load_source(SOURCE))
    done = command.invoke(sources, ["remove", "nonesuch"])
    assert done.exit_code != 0
    assert f"there are: {load_source(SOURCE).name}" in str(done.exception)


def test_a_source_that_never_published_an_hour_is_not_stale(database: FreshDatabase, command: CliRunner) -> None:
    with psycopg.connect(database.url) as connection:
        register_source(connection, load_source(SOURCE))
        (status,) = read_sources(connection, NOW + timedelta(days=99))
    assert (status.stale_reason, status.new_hour_at) == ("", None)
    assert "never published an hour" in command.invoke(sources, ["list"]).output
