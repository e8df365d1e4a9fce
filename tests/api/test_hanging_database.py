"""A TimescaleDB that hangs: it holds its connections and answers nothing, tried with SIGSTOP on the real server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from api.app import create_app
from api.staleness import UNREAD
from deploy.local.stack import LocalStack
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.serving import Site
from tests.away import hanging
from tests.conftest import FreshDatabase
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

PATHS = [
    "/v1/series",
    "/v1/series/DK1/111",
    "/v1/forecasts",
    "/v1/forecasts/DK1/111?origin=2023-01-23T00:00:00Z",
    "/v1/observations",
    "/v1/observations/DK1/111",
    "/v1/accuracy",
    "/v1/accuracy/DK1/111",
    "/v1/quality",
    "/v1/drift",
    "/v1/models",
    "/v1/retune",
]
WITHIN_S = 8.0
"""What a client waits; the settings of the site allow 1 s for a connection and 3 s for a statement."""


def site_on(service: SampleService, database_url: str) -> Site:
    settings = service.settings(database_url=database_url, api_database_wait_s=1.0, api_statement_timeout_s=2.0)
    return Site(lambda: create_app(settings, lambda: NOW))


@pytest.fixture
def site(sample_service: SampleService) -> Iterator[Site]:
    site = site_on(sample_service, sample_service.database_url)
    site.start()
    yield site
    site.stop()


def ask_all(site: Site) -> dict[str, httpx.Response]:
    """Ask all at once, so that the pool has several connections."""
    with httpx.Client(base_url=site.url, timeout=WITHIN_S) as client, ThreadPoolExecutor(len(PATHS)) as threads:
        return dict(zip(PATHS, threads.map(client.get, PATHS), strict=True))


def test_every_route_answers_503_while_timescaledb_hangs_and_200_afterwards(site: Site, stack: LocalStack) -> None:
    assert {path: answer.status_code for path, answer in ask_all(site).items()} == dict.fromkeys(PATHS, 200)
    with hanging(stack, ["postgres"]):
        for _ in range(2):  # with connections from before, and without any
            answers = ask_all(site)
            assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(PATHS, 503)
            kinds = {(answer.headers["Content-Type"], answer.json()["type"]) for answer in answers.values()}
            assert kinds == {("application/problem+json", "urn:dayahead:problem:server-away")}
        ready = httpx.get(f"{site.url}/health/ready", timeout=WITHIN_S)
        assert ready.status_code == 503
        assert "is away" in ready.json()["reason"]
        assert httpx.get(f"{site.url}/v1/forecasts/DK1/111", timeout=WITHIN_S).status_code == 200, "Redis has it"

    def answers_again() -> bool:
        return all(answer.status_code == 200 for answer in ask_all(site).values())

    wait_until(answers_again, 30, "every route to answer again")


def test_a_request_whose_query_runs_when_timescaledb_begins_to_hang_is_answered_503(
    sample_service: SampleService, database: FreshDatabase, stack: LocalStack
) -> None:
    site = site_on(sample_service, database.url)
    site.start()
    try:
        with (
            psycopg.connect(database.owner_url) as locking,
            psycopg.connect(database.owner_url, autocommit=True) as looking,
            ThreadPoolExecutor(1) as threads,
        ):
            locking.execute("LOCK TABLE training_quarantine, promotion, model_release IN ACCESS EXCLUSIVE MODE")
            under_way = threads.submit(httpx.get, f"{site.url}/v1/models", timeout=WITHIN_S)
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            wait_until(
                lambda: (looking.execute(waits).fetchone() or (0,))[0] > 0, 20, "the query to wait", pause_s=0.01
            )
            with hanging(stack, ["postgres"]):
                answer = under_way.result()
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:dayahead:problem:server-away"
        wait_until(
            lambda: httpx.get(f"{site.url}/v1/models", timeout=WITHIN_S).status_code == 200, 30, "it to answer again"
        )
    finally:
        site.stop()


def test_the_api_starts_and_is_alive_while_timescaledb_keeps_its_first_look_waiting(
    sample_service: SampleService,
) -> None:
    settings = sample_service.settings(api_statement_timeout_s=60.0)
    site = Site(lambda: create_app(settings, lambda: NOW))
    with psycopg.connect(sample_service.database_url) as locking:
        locking.execute("LOCK TABLE source IN ACCESS EXCLUSIVE MODE")
        site.start()  # within 30 s, half of what a statement may take
        try:
            assert httpx.get(f"{site.url}/health/live", timeout=WITHIN_S).status_code == 200
            known = httpx.get(f"{site.url}/v1/forecasts/DK1/111", timeout=WITHIN_S).json()
            assert (known["stale"], known["stale_reason"]) == (None, UNREAD.reason)
        finally:
            locking.rollback()
            site.stop()
