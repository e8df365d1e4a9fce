import httpx
import pytest

from dashboards.checking import check_queries
from tests.end_to_end.conftest import RunningService
from tests.waiting import wait_until

pytestmark = [pytest.mark.end_to_end, pytest.mark.servers, pytest.mark.timeout(420)]


def test_prometheus_scrapes_every_process_of_every_service(running_service: RunningService) -> None:
    prometheus = running_service.setting("DAYAHEAD_PROMETHEUS_URL")

    def up() -> dict[str, int]:
        answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": "sum by (job) (up)"}).json()
        return {found["metric"]["job"]: int(found["value"][1]) for found in answer["data"]["result"]}

    expected = {"worker": 2, "trainer": 1, "api": 1, "ingest": 1}
    wait_until(lambda: expected.items() <= up().items(), 60, f"all of {expected} to be scraped")


def test_alerts_of_prometheus_reach_alertmanager_and_the_api(running_service: RunningService) -> None:
    # Prometheus tells an alert again after a minute where Alertmanager was not there the first time.
    wait_until(
        lambda: httpx.get(f"{running_service.url}/v1/alerts").json()["watchdog"],
        120,
        "the alert that always fires",
        pause_s=1,
    )


def test_every_query_of_every_dashboard_returns_data(running_service: RunningService) -> None:
    reader = running_service.setting("DAYAHEAD_DATABASE_URL").replace(
        f"dayahead_app:{running_service.setting('DAYAHEAD_APP_PASSWORD')}",
        f"dayahead_reader:{running_service.setting('DAYAHEAD_READER_PASSWORD')}",
    )
    prometheus = running_service.setting("DAYAHEAD_PROMETHEUS_URL")

    def faults() -> list[str]:
        results = check_queries(prometheus, reader)
        assert len(results) > 20
        return [
            f"{result.query.dashboard}/{result.query.panel}: {result.error or 'no data'}"
            for result in results
            if not result.ok
        ]

    # rates want a few scrapes, and forecasts a day of replay to be scored
    wait_until(lambda: not faults(), 120, f"every panel to have data; at first these had none: {faults()}", pause_s=2)
