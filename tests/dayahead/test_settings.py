import pytest

from dayahead.errors import SettingsError
from dayahead.settings import MigrationSettings, ProcessSettings, load_settings


def test_a_wrong_setting_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYAHEAD_PARTITIONS", "0")
    with pytest.raises(SettingsError, match="DAYAHEAD_PARTITIONS: Input should be greater"):
        load_settings(MigrationSettings)


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYAHEAD_METRICS_PORT", "1234")
    assert load_settings(ProcessSettings).metrics_port == 1234
    assert load_settings(ProcessSettings, metrics_port=4321).metrics_port == 4321
    assert load_settings(ProcessSettings, metrics_port=None).metrics_port == 1234


def test_secrets_do_not_show_in_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYAHEAD_DATABASE_URL", "postgresql://app:hunter2@db/dayahead")
    assert "hunter2" not in repr(load_settings(ProcessSettings))
