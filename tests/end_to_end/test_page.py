from collections.abc import Callable

import pytest

from tests.end_to_end.conftest import RunningService
from tests.looking import Visit

pytestmark = [pytest.mark.end_to_end, pytest.mark.servers, pytest.mark.browser, pytest.mark.timeout(420)]


def test_a_person_sees_a_live_forecast_and_how_good_it_was(
    running_service: RunningService, visit: Callable[..., Visit]
) -> None:
    seen = visit(running_service, "/?series=DK2/111")
    assert seen.page.locator("#chart svg").count() == 1
    body = seen.text("body")
    for words in ("DK2", "full model", "seasonal naive", "Every hour is there", "Energinet"):
        assert words in body, f"{words!r} is not on the page:\n{body}"
    assert seen.errors == []
    assert all(request.startswith(running_service.url) for request in seen.requests)
