import json

import pytest
from pydantic import ValidationError

from consumers.forecast import Forecast
from tests.consumers.messages import day_ahead, forecast


def changed(message: bytes, **fields: object) -> bytes:
    return json.dumps(json.loads(message) | fields).encode()


def test_the_first_hour_is_after_the_origin_or_where_a_day_starts() -> None:
    issued = Forecast.model_validate_json(forecast("DK1/111", 1))
    assert issued.first_hour.isoformat() == "2023-01-24T02:00:00+00:00"
    assert Forecast.model_validate_json(day_ahead("DK1/111")).first_hour.isoformat() == "2023-01-24T23:00:00+00:00"


def test_a_refreshed_origin_replaces_its_earlier_issue() -> None:
    first = Forecast.model_validate_json(forecast("DK1/111", 1))
    again = Forecast.model_validate_json(changed(forecast("DK1/111", 1), issued_at="2023-01-24T01:11:00Z"))
    assert first.is_newer_than(None)
    assert again.is_newer_than(first)
    assert not first.is_newer_than(first)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"p10": [1.0] * 23}, "23, 24 and 24 hours"),
        ({"origin": "9999-12-31T22:00:00Z"}, "after the year 9999"),
        ({"origin": "2023-01-24T01:00:00"}, "timezone"),
    ],
)
def test_what_its_readers_would_fail_at_is_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Forecast.model_validate_json(changed(forecast("DK1/111"), **fields))
