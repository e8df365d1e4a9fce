import json

import pytest

from consumers.webhooks.event import event_of
from consumers.webhooks.receivers import EventType, Format
from tests.consumers.messages import day_ahead, forecast


def test_the_body_has_the_message_of_the_topic_byte_for_byte() -> None:
    message = forecast("DK1/111")
    event = event_of(EventType.FORECAST, message, Format.MESSAGE)
    assert message in event.body
    body = json.loads(event.body)
    assert body == {"type": "forecast.issued", "timestamp": "2023-01-24T01:10:00Z", "data": json.loads(message)}
    assert event.series_id == "DK1/111"


def test_hours_begin_after_the_origin_or_with_the_day() -> None:
    body = json.loads(event_of(EventType.FORECAST, forecast("DK1/111"), Format.HOURS).body)
    assert body["data"]["hours"][0] == {"valid_time": "2023-01-24T02:00:00Z", "p10": -0.5, "p50": 0.0, "p90": 0.5}
    assert len(body["data"]["hours"]) == 24
    day = json.loads(event_of(EventType.DAY_AHEAD, day_ahead("DK1/111"), Format.HOURS).body)
    assert day["type"] == "day_ahead.published"
    assert day["data"]["hours"][0]["valid_time"] == "2023-01-24T23:00:00Z"


def test_the_same_message_has_the_same_id_and_no_other_has_it() -> None:
    first, again = (event_of(EventType.FORECAST, forecast("DK1/111"), Format.MESSAGE) for _ in range(2))
    assert first == again
    other = event_of(EventType.FORECAST, forecast("DK1/111", 2), Format.MESSAGE)
    assert first.webhook_id != other.webhook_id
    assert "." not in first.webhook_id


def test_fields_of_a_later_version_are_passed_on() -> None:
    message = forecast("DK1/111").replace(b'{"series_id"', b'{"later":[1],"series_id"')
    assert json.loads(event_of(EventType.FORECAST, message, Format.MESSAGE).body)["data"]["later"] == [1]


@pytest.mark.parametrize("message", [b"", b"{", b"[]", b'{"series_id":"DK1/111"}'])
def test_a_message_that_is_no_forecast_is_refused_with_the_reason(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|object|origin|EOF"):
        event_of(EventType.FORECAST, message, Format.MESSAGE)


def test_hours_after_the_last_year_that_is_known_are_refused_and_end_nothing() -> None:
    late = forecast("DK1/111").replace(b'"origin":"2023-01-24T01:00:00Z"', b'"origin":"9999-12-31T22:00:00Z"')
    assert late != forecast("DK1/111")
    with pytest.raises(ValueError, match="year 9999"):
        event_of(EventType.FORECAST, late, Format.HOURS)
