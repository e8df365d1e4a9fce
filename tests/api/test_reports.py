"""Reports of drift and accuracy, as the API serves them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient
from psycopg_pool import ConnectionPool

from dayahead.storage.retention import Retention, RetentionSettings
from dayahead.storage.tables.model_report import NewReport, ReportKind, save_report
from dayahead.storage.tables.report_piece import delete_unused_pieces
from dayahead.storage.tables.tuning_run import Outcome, finish_run, start_run
from tests.api.fakes import NOW, FakeServers

pytestmark = pytest.mark.servers

RELEASE = "r-000000000001"
PAGE = "<html><style>b {}</style><body><script>draw(1)</script><p>Grün</p><script>draw(1)</script></body></html>"
WHY = "it took more than report.timeout_s=300"
DAY = timedelta(days=1)
MOMENT = "2023-01-25T12:00:00Z"
SUMMARY: dict[str, Any] = {
    "library": "evidently 0.7.23",
    "reference_from": MOMENT,
    "current_from": MOMENT,
    "current_until": MOMENT,
    "rows": 100,
    "reference_rows": 100,
    "drift_distance": 2.0,
    "drifted_share": 0.5,
    "columns": [{"column": "actual", "distance": 5.5, "drifted": True}],
    "drifted_areas": ["DK2"],
    "quality": {"mae": 0.1, "mean_error": 0.0, "rmse": 0.2, "wape": 0.09},
    "reference_quality": None,
    "areas": [],
    "areas_left_out": 0,
    "own_share": None,
}


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    """A database with a release whose training has a report, and whose weekly one failed."""
    with ConnectionPool(database_url, kwargs={"options": "-c timezone=UTC"}) as pool:
        with pool.connection() as connection:
            connection.execute(
                "INSERT INTO model_release (release, artifact, created_at, trained_from, trained_until,"
                " data_fingerprint, settings, metrics) VALUES (%s, 'abc', %s, %s, %s, 'd', '{}', '{}')",
                [RELEASE, NOW, NOW, NOW],
            )
            run = start_run(connection, "schedule", "every 24 hours", NOW)
            finish_run(connection, run, Outcome.PROMOTED, NOW, RELEASE)
            save_report(connection, NewReport(RELEASE, ReportKind.TRAINING, run, NOW, SUMMARY, PAGE))
            save_report(connection, NewReport(RELEASE, ReportKind.WEEKLY, None, NOW, failure=WHY))
        yield pool


@pytest.fixture
def client(pool: ConnectionPool) -> Iterator[TestClient]:
    with FakeServers(database=pool).client() as client:
        yield client


def test_the_reports_of_a_release_are_listed_newest_first_with_what_failed(client: TestClient) -> None:
    answer = client.get(f"/v1/releases/{RELEASE}/reports").json()
    assert answer["release"] == RELEASE
    weekly, training = answer["reports"]
    assert (weekly["kind"], weekly["failure"], weekly["summary"], weekly["page_bytes"]) == ("weekly", WHY, None, 0)
    assert (training["kind"], training["failure"], training["page_bytes"]) == ("training", None, len(PAGE.encode()))
    assert training["summary"] == SUMMARY
    models = client.get("/v1/models").json()
    assert models["releases"][0]["report"] == training["report"]
    assert (models["trainings"][0]["report"], models["trainings"][0]["report_failure"]) == (training["report"], None)


def test_a_browser_gets_the_page_and_anyone_else_the_numbers_of_a_report(client: TestClient) -> None:
    training = client.get(f"/v1/releases/{RELEASE}/reports").json()["reports"][1]
    as_json = client.get(f"/v1/reports/{training['report']}")
    assert as_json.json() == training
    page = client.get(f"/v1/reports/{training['report']}", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    assert page.text == PAGE


def test_a_page_may_load_nothing_and_has_no_part_in_our_origin(client: TestClient) -> None:
    training = client.get(f"/v1/releases/{RELEASE}/reports").json()["reports"][1]
    headers = client.get(f"/v1/reports/{training['report']}", headers={"Accept": "text/html"}).headers
    rules = dict(rule.strip().partition(" ")[::2] for rule in headers["content-security-policy"].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["sandbox"] == "allow-scripts"
    assert not any("http" in sources or "'self'" in sources or "*" in sources for sources in rules.values())
    assert "unsafe-inline" not in client.get("/").headers["content-security-policy"]


def test_a_report_that_failed_has_no_page_and_says_why(client: TestClient) -> None:
    weekly = client.get(f"/v1/releases/{RELEASE}/reports").json()["reports"][0]
    answer = client.get(f"/v1/reports/{weekly['report']}", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert WHY in answer.json()["detail"]


def test_what_there_is_not_is_said(client: TestClient) -> None:
    assert client.get("/v1/reports/999999").json()["type"] == "urn:dayahead:problem:unknown-report"
    assert client.get("/v1/releases/r-none/reports").json()["type"] == "urn:dayahead:problem:unknown-release"


def test_pieces_that_pages_share_are_stored_once_and_go_with_the_last_page(
    pool: ConnectionPool, owner_database_url: str
) -> None:
    with ConnectionPool(owner_database_url) as owner, owner.connection() as connection:
        again = save_report(connection, NewReport(RELEASE, ReportKind.WEEKLY, None, NOW, SUMMARY, PAGE + "<p>more</p>"))
        assert connection.execute("SELECT count(*) FROM report_piece").fetchone() == (5,)
        connection.execute("DELETE FROM model_report WHERE report = %s", [again])
        assert delete_unused_pieces(connection) == 1


def test_retention_removes_old_weekly_reports_and_keeps_those_of_trainings(
    pool: ConnectionPool, owner_database_url: str
) -> None:
    with pool.connection() as connection:
        new = save_report(connection, NewReport(RELEASE, ReportKind.WEEKLY, None, NOW, SUMMARY, PAGE + "<p>more</p>"))
        old = save_report(connection, NewReport(RELEASE, ReportKind.WEEKLY, None, NOW - 9 * DAY, SUMMARY, "<p>old</p>"))
        connection.execute("INSERT INTO source (name, definition) VALUES ('s', '{}')")
        connection.execute(
            "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
            " SELECT 'DK1/111', source_key, '{}', 'DK1', 'kWh', 0 FROM source"
        )
        connection.execute(
            "INSERT INTO observation (series_key, valid_time, value, available_at)"
            " SELECT series_key, %s::timestamptz, 1, %s FROM series",
            [NOW.replace(minute=0), NOW],
        )
    settings = RetentionSettings(_env_file=None, retain_weekly_report_days=8)
    with psycopg.connect(owner_database_url, autocommit=True) as owner:
        (removed,) = Retention(owner, settings, lambda: NOW).run()
        assert (removed.table, removed.count) == ("model_report", 1)
        left = [row[0] for row in owner.execute("SELECT report FROM model_report ORDER BY report")]
        assert len(left) == 3
        assert new in left
        assert old not in left
        assert owner.execute("SELECT count(*) FROM report_piece").fetchone() == (5,)
