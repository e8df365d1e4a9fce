import pytest

from api.settings import ApiSettings
from dayahead.errors import SettingsError
from dayahead.settings import load_settings


def test_a_pattern_that_is_no_expression_is_refused_before_anything_starts() -> None:
    with pytest.raises(SettingsError, match=r"DAYAHEAD_RETUNE_ALERT_PATTERN: .*'\(mape' is no regular expression"):
        load_settings(ApiSettings, retune_alert_pattern="(mape")


def test_the_token_is_hidden_when_settings_are_printed() -> None:
    assert "hush" not in repr(load_settings(ApiSettings, api_token="hush"))
