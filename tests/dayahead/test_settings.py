from pathlib import Path

import pytest

from api.settings import ApiSettings
from dayahead.errors import SettingsError
from dayahead.settings import MigrationSettings, ProcessSettings, load_settings, wrong_values
from dayahead.settings_document import settings_classes
from deploy.arrival import polled_source
from deploy.settings import StackSettings
from ingest.settings import IngestSettings


def test_a_wrong_setting_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYAHEAD_PARTITIONS", "0")
    with pytest.raises(SettingsError, match="DAYAHEAD_PARTITIONS: Input should be greater"):
        load_settings(MigrationSettings)


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYAHEAD_METRICS_PORT", "1234")
    assert load_settings(ProcessSettings).metrics_port == 1234
    assert load_settings(ProcessSettings, metrics_port=4321).metrics_port == 4321
    assert load_settings(ProcessSettings, metrics_port=None).metrics_port == 1234


@pytest.mark.parametrize(
    ("service", "field"),
    [
        (service, name)
        for service, one in settings_classes().items()
        for name, field in one.model_fields.items()
        if field.annotation == Path | None
    ],
)
def test_a_file_without_a_value_is_none_and_not_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, service: str, field: str
) -> None:
    monkeypatch.setenv(f"DAYAHEAD_{field.upper()}", "")
    assert getattr(load_settings(settings_classes()[service]), field) is None
    monkeypatch.setenv(f"DAYAHEAD_{field.upper()}", "file.pem")
    assert getattr(load_settings(settings_classes()[service]), field) == Path("file.pem")


def test_secrets_do_not_show_in_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYAHEAD_DATABASE_URL", "postgresql://app:hunter2@db/dayahead")
    assert "hunter2" not in repr(load_settings(ProcessSettings))


def test_every_wrong_value_is_found_before_a_service_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = settings_classes().values()
    assert wrong_values(classes) == [], "nothing is set, and what is missing is no fault"
    monkeypatch.setenv("DAYAHEAD_API_RATE_LIMIT", "five")
    monkeypatch.setenv("DAYAHEAD_METRICS_PORT", "no port")
    rate, port = sorted(wrong_values(classes), key=lambda fault: "METRICS" in fault)
    assert "DAYAHEAD_API_RATE_LIMIT" in rate
    assert "'five'" in rate
    assert port.startswith("DAYAHEAD_METRICS_PORT: ")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://x.example", ["https://x.example"]),
        ("127.0.0.1:*, localhost:*,[::1]:*", ["127.0.0.1:*", "localhost:*", "[::1]:*"]),
        ('["a,b", "c"]', ["a,b", "c"]),
        ("", []),
    ],
)
def test_texts_are_separated_by_commas_or_a_list_as_json(
    monkeypatch: pytest.MonkeyPatch, given: str, read: list[str]
) -> None:
    monkeypatch.setenv("DAYAHEAD_API_CORS_ORIGINS", given)
    assert load_settings(ApiSettings).api_cors_origins == read


def test_a_list_that_is_no_json_is_a_fault_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYAHEAD_API_CORS_ORIGINS", '["https://x.example"')
    (fault,) = wrong_values(settings_classes().values())
    assert fault.startswith("DAYAHEAD_API_CORS_ORIGINS: ")
    assert "write it like one,two" in fault
    with pytest.raises(SettingsError, match="DAYAHEAD_API_CORS_ORIGINS"):
        load_settings(settings_classes()["api"])


def test_each_line_of_the_example_is_read_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (Path(__file__).parents[2] / ".env.example").read_text().splitlines()
    given = [line.removeprefix("# ").partition("=") for line in lines if line.startswith("# DAYAHEAD_") and "=" in line]
    for name, _, value in given:
        if value:
            monkeypatch.setenv(name, value)
    assert len(given) > 50
    assert wrong_values(settings_classes().values()) == []


def test_settings_of_a_training_and_the_file_of_the_source_are_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = settings_classes().values()
    monkeypatch.setenv("DAYAHEAD_TRAINING__GATE__MARGIN", "much")
    monkeypatch.setenv("DAYAHEAD_SOURCE", "/nowhere/mine.yaml")
    monkeypatch.setenv("DAYAHEAD_SOURCE_URL", "https://example.org")
    source, training = sorted(wrong_values(classes))
    assert source.startswith("DAYAHEAD_SOURCE: source file /nowhere/mine.yaml cannot be read")
    assert "gate.margin" in training
    (training,) = wrong_values(classes, in_containers=True)
    assert "gate.margin" in training, "the container has the file, for all that is known here"


def test_a_source_file_of_the_image_is_looked_up_in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = settings_classes().values()
    monkeypatch.setenv("DAYAHEAD_SOURCE", "/app/sources/consumption-industry.yaml")
    assert wrong_values(classes, in_containers=True) == []
    assert polled_source(load_settings(StackSettings), in_containers=True) == "consumption-industry"
    monkeypatch.setenv("DAYAHEAD_SOURCE", "/app/sources/consumption-industri.yaml")
    (fault,) = wrong_values(classes, in_containers=True)
    assert "DAYAHEAD_SOURCE" in fault
    monkeypatch.setenv("DAYAHEAD_SOURCE", "/mounted/own.yaml")
    assert polled_source(load_settings(StackSettings), in_containers=True) is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [("DAYAHEAD_SOURCE_KEYS__ENTSOE", "s3cret"), ("DAYAHEAD_SOURCE_KEYS", '{"entsoe": "s3cret"}')],
)
def test_keys_of_publishers_are_set_by_their_names(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    settings = load_settings(IngestSettings)
    assert settings.source_keys["entsoe"].get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)
