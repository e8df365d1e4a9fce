"""A release that was fitted with weather."""

from tests.dayahead.models.conftest import (  # noqa: F401 - fixtures
    history_with_weather,
    learnt_with_weather,
    weather_release,
    weather_settings,
)
