"""docs/sources.md, with docs/live-sources.md, says everything that there is to set, to ask for and to measure."""

import re

import pytest
import typer
from prometheus_client.metrics import MetricWrapperBase
from pydantic_core import PydanticUndefined
from typer.main import get_command

from dayahead.errors import DeadLetterCode
from dayahead.reading.source_file import source_kinds
from dayahead.settings import PREFIX, ProcessSettings
from dayahead.source import Source
from dayahead.weather.command_group import weather
from dayahead.weather.source import Location, WeatherSource
from dayahead.weather.source_file import weather_kinds
from dayahead.weather.values import Variable
from ingest import metrics
from ingest.commands import register
from ingest.replay.faults import FaultKind
from ingest.settings import IngestSettings
from tests.ingest.building import CHECKOUT, SOURCES

PAGE = "\n".join((CHECKOUT / "docs" / name).read_text() for name in ("sources.md", "live-sources.md", "weather.md"))
NAMED = set(re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL)))
WORDS = {word for phrase in NAMED for word in re.split(r"[^\w-]+", phrase)}
# Codes of messages, which the worker finds.
OF_MESSAGES = {"not_json", "not_a_batch", "bad_row", "misrouted", "unknown_source", "not_weather"}


OF_KINDS = [field for kind in source_kinds().values() for field in kind.fields.model_fields]
OF_WEATHER = [*WeatherSource.model_fields, *Location.model_fields, *Variable] + [
    field for kind in weather_kinds().values() for field in kind.fields.model_fields
]
WEATHER_PAGE = (CHECKOUT / "docs" / "weather.md").read_text()


@pytest.mark.parametrize("field", [*Source.model_fields, *OF_KINDS])
def test_every_field_of_a_source_is_explained(field: str) -> None:
    assert field in WORDS


def test_every_kind_of_source_is_explained() -> None:
    assert source_kinds().keys() <= WORDS


@pytest.mark.parametrize("field", OF_WEATHER)
def test_every_field_of_a_weather_source_is_explained(field: str) -> None:
    assert f"`{field}`" in WEATHER_PAGE


def test_every_kind_of_weather_source_is_explained() -> None:
    assert all(f"Kind `{name}`" in WEATHER_PAGE for name in weather_kinds())


def test_every_command_of_weather_sources_is_explained() -> None:
    commands = {
        command.name for command in weather.registered_commands if command.callback.__module__.startswith("ingest")
    }
    assert len(commands) > 5
    assert all(f"dayahead weather {name}" in WEATHER_PAGE or f"`{name} NAME`" in WEATHER_PAGE for name in commands)


def test_every_setting_of_ingest_is_explained_with_its_default() -> None:
    for name in IngestSettings.model_fields.keys() - (ProcessSettings.model_fields.keys() - {"metrics_port"}):
        default = IngestSettings.model_fields[name].default
        shown = "" if default in (None, PydanticUndefined) else f"{default:g} "
        assert f"| `{PREFIX}{name.upper()}` | {shown}|" in PAGE


def test_every_option_of_every_command_is_explained() -> None:
    app = typer.Typer()
    register(app)
    for command in vars(get_command(app))["commands"].values():
        for parameter in command.params:
            for option in parameter.opts:
                assert option in WORDS or option == "--help", f"{command.name} {option}"


def test_every_metric_is_named() -> None:
    described = [
        metric for one in vars(metrics).values() if isinstance(one, MetricWrapperBase) for metric in one.describe()
    ]
    assert len(described) > 5
    for metric in described:
        assert {metric.name, f"{metric.name}_total"} & WORDS, metric.name


def test_every_code_that_a_record_can_have_is_explained() -> None:
    assert {code.value for code in DeadLetterCode} - OF_MESSAGES <= WORDS


def test_every_fault_of_the_replay_is_named() -> None:
    assert {kind.value for kind in FaultKind} <= WORDS


def test_every_shipped_source_is_listed() -> None:
    for file in SOURCES.glob("*.yaml"):
        assert f"| `{file.name}` |" in PAGE
