import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.forecast import Forecast
from consumers.mqtt.sensor import Topics, discovery_of, slug, state_of
from tests.consumers.messages import forecast

TOPICS = Topics("dayahead", "homeassistant")
ONE = Forecast.model_validate_json(forecast("DK1/111", 1))


def at(hour: int, minute: int = 0, day: int = 24) -> datetime:
    return datetime(2023, 1, day, hour, minute, tzinfo=UTC)


def test_the_state_is_the_forecast_of_the_hour_that_runs() -> None:
    state = json.loads(state_of(ONE, at(4, 59), 48))
    assert state["now"] == 2.0
    assert state["forecast"][0] == {"datetime": "2023-01-24T04:00:00Z", "value": 2.0, "low": 1.5, "high": 2.5}
    assert state["forecast"][-1]["datetime"] == "2023-01-25T01:00:00Z"


def test_a_forecast_that_has_ended_or_not_begun_has_no_state() -> None:
    assert json.loads(state_of(ONE, at(2, day=25), 48)) | {"now": None, "forecast": []} == json.loads(
        state_of(ONE, at(2, day=25), 48)
    )
    early = json.loads(state_of(ONE, at(1), 48))
    assert early["now"] is None
    assert len(early["forecast"]) == 24


def test_only_so_many_hours_are_published_and_148_fit_into_what_home_assistant_records() -> None:
    long = Forecast.model_validate_json(forecast("DK1/111", 1, leads=168))
    assert len(json.loads(state_of(long, at(2), 48))["forecast"]) == 48
    assert len(state_of(long, at(2), 148)) < 16_384


def test_discovery_names_what_home_assistant_needs() -> None:
    config = json.loads(discovery_of(ONE, TOPICS, "1.2.3"))
    assert config["state_topic"] == config["json_attributes_topic"] == "dayahead/DK1_111/forecast"
    assert config["availability_topic"] == "dayahead/status"
    assert config["unit_of_measurement"] == "kWh"
    assert config["device_class"] == "energy"
    assert "state_class" not in config, "a forecast is no measurement"
    assert config["unique_id"] == "dayahead_DK1_111"
    assert config["default_entity_id"] == "sensor.dayahead_dk1_111"
    assert TOPICS.config("DK1/111") == "homeassistant/sensor/dayahead/DK1_111/config"


@pytest.mark.parametrize(("unit", "is_energy"), [("MWh", True), ("kWh/h", True), ("m3", False), ("MW", False)])
def test_only_units_of_energy_have_the_device_class(unit: str, is_energy: bool) -> None:
    config = json.loads(discovery_of(ONE.model_copy(update={"unit": unit}), TOPICS, "1"))
    assert ("device_class" in config) is is_energy


@given(st.sets(st.text(st.sampled_from("aA1/_-é+#% "), min_size=1, max_size=4), min_size=2))
def test_series_never_share_a_topic_and_no_name_has_a_wildcard(names: set[str]) -> None:
    slugs = {slug(name) for name in names}
    assert len(slugs) == len(names)
    assert not {one for one in slugs if set(one) & set("/+# ")}
