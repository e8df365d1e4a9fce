"""What settings allow to pages of other origins and to clients that ask often; and the page of the documentation."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from api.app import create_app
from api.settings import ApiSettings
from tests.api.fakes import NOW

ORIGIN = "https://dashboard.example.org"


@contextmanager
def api(**given: object) -> Iterator[TestClient]:
    settings = ApiSettings(_env_file=None, database_url="postgresql://a@127.0.0.1:1/a", **given)  # type: ignore[arg-type]
    with TestClient(create_app(settings, lambda: NOW)) as client:
        yield client


def test_no_page_of_another_origin_may_read_by_default() -> None:
    with api() as client:
        answer = client.get("/health/live", headers={"Origin": ORIGIN})
        asked = client.options("/v1/series", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "GET"})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert asked.status_code == 405


def test_pages_of_the_origins_of_the_settings_may_read_and_no_others() -> None:
    with api(api_cors_origins=[ORIGIN]) as client:
        allowed = client.get("/health/live", headers={"Origin": ORIGIN})
        other = client.get("/health/live", headers={"Origin": "https://elsewhere.example.org"})
        asked = client.options(
            "/v1/series",
            headers={
                "Origin": ORIGIN,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "If-None-Match",
            },
        )
    assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "ETag" in allowed.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in other.headers
    assert asked.status_code == 200


def test_a_client_above_the_rate_limit_gets_retry_after_while_monitoring_is_not_limited() -> None:
    with api(api_rate_limit="3/hour") as client:
        answers = [client.get("/v1/nothing") for _ in range(4)]
        watched = [client.get("/health/live"), client.get("/metrics")]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert answers[-1].headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 3600
    assert "DAYAHEAD_API_RATE_LIMIT" in answers[-1].json()["detail"]
    assert [answer.status_code for answer in watched] == [200, 200]


def test_without_the_setting_no_client_is_limited() -> None:
    with api() as client:
        assert {client.get("/health/live").status_code for _ in range(200)} == {200}


def test_a_rate_that_is_none_is_refused_with_the_form() -> None:
    with pytest.raises(ValidationError, match="600/minute"):
        ApiSettings(_env_file=None, api_rate_limit="often")


def test_the_page_of_the_documentation_loads_nothing_from_elsewhere() -> None:
    with api() as client:
        page = client.get("/docs")
        assert page.status_code == 200
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert loaded
        for address in loaded:
            assert address.startswith("/")
            assert client.get(address).status_code == 200
    assert "://" not in page.text
    assert '"validatorUrl": null' in page.text
