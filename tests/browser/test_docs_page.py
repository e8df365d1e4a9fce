"""The OpenAPI document as a page: it works in a browser that reaches nothing but the API."""

from collections.abc import Callable, Iterator

import pytest

from api.app import create_app
from api.settings import ApiSettings
from tests.api.fakes import NOW
from tests.api.serving import Site
from tests.looking import Visit

pytestmark = pytest.mark.browser


@pytest.fixture
def api() -> Iterator[Site]:
    """An API whose servers are away; its documentation needs none."""
    settings = ApiSettings(_env_file=None, database_url="postgresql://a@127.0.0.1:1/a", kafka_bootstrap="127.0.0.1:1")
    site = Site(lambda: create_app(settings, lambda: NOW))
    site.start()
    yield site
    site.stop()


def test_every_operation_is_listed_and_nothing_is_asked_of_another_server(
    api: Site, visit: Callable[..., Visit]
) -> None:
    seen = visit(api, "/docs", wait_for=".opblock-summary-path")
    listed = seen.page.locator(".opblock-summary-path").all_inner_texts()
    assert any("forecasts" in path for path in listed)
    assert [url for url in seen.requests if not url.startswith((api.url, "data:"))] == []
    assert seen.errors == []
