"""A new kind of source touches one file: `new_kind/json_lines.py`, put into the folder of the kinds."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import orjson
import psycopg
import pytest
from pydantic import SecretStr

from dayahead.errors import SettingsError
from dayahead.reading import kinds, source_file
from dayahead.reading.source_file import ENTRY_POINTS, kind_of, load_source, source_kinds
from dayahead.storage.tables.source import load_sources
from ingest.running import Pollers, load_sources_from
from ingest.settings import IngestSettings
from tests.conftest import TopicRoom
from tests.ingest.building import SOURCES
from tests.ingest.servers import published

NEW_KIND = Path(__file__).parent / "new_kind"
SOURCE = """
name: halls
kind: json-lines
lines: halls.jsonl
within: reading
title: Our halls
time_column: hour
key_columns: [site]
value_column: kWh
unit: kWh
"""


@pytest.fixture(autouse=True)
def kinds_looked_up_again() -> Iterator[None]:
    """A process looks the kinds up once, and tests add to them."""
    source_kinds.cache_clear()
    yield
    source_kinds.cache_clear()


@pytest.fixture
def new_kind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The file in the folder of the kinds."""
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(NEW_KIND)])
    yield
    monkeypatch.delattr(kinds, "json_lines", raising=False)
    monkeypatch.delitem(sys.modules, f"{kinds.__name__}.json_lines", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    (tmp_path / "halls.jsonl").write_bytes(orjson.dumps({"reading": {"hour": now, "site": "north", "kWh": 12.5}}))
    path = tmp_path / "halls.yaml"
    path.write_text(SOURCE)
    return path


@pytest.mark.usefixtures("new_kind")
def test_a_source_of_a_new_kind_is_polled_published_and_registered(
    file: Path, topics: TopicRoom, database_url: str
) -> None:
    topics.create()
    settings = IngestSettings(
        kafka_bootstrap=topics.bootstrap, topic_prefix=topics.prefix, database_url=SecretStr(database_url)
    )
    (result,), _ = Pollers(load_sources_from([file]), settings, attempts=1).once()
    assert (result.rows, result.rejections) == (1, 0)
    ((series_id, _, value),) = published(topics)
    assert (series_id, value) == ("north", 12.5)
    with psycopg.connect(database_url) as connection:
        assert load_sources(connection)["halls"].source == load_source(file)


def test_other_services_read_its_definition_without_knowing_the_kind(
    new_kind: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = load_source(file)
    monkeypatch.undo()
    source_kinds.cache_clear()
    assert "json-lines" not in source_kinds()
    again = type(source).model_validate(source.model_dump(mode="json", exclude_defaults=True))
    assert again == source
    assert again.label_names == ["site"]


@pytest.mark.usefixtures("new_kind")
def test_its_own_fields_are_checked_like_all_others(file: Path) -> None:
    file.write_text(SOURCE.replace("lines: halls.jsonl", "linez: halls.jsonl"))
    with pytest.raises(SettingsError, match=r"kind json-lines needs lines; linez: Extra inputs"):
        load_source(file)


def test_a_kind_may_come_from_another_package(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("halls", "tests.ingest.new_kind.json_lines", ENTRY_POINTS)
    monkeypatch.setattr(source_file, "entry_points", lambda group: EntryPoints([entry]).select(group=group))
    assert load_source(file).kind == "json-lines"


def test_the_kinds_are_looked_up_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    source = load_source(SOURCES / "consumption-de35-hour.yaml")
    monkeypatch.setattr(source_file, "entry_points", lambda group: pytest.fail("the packages were searched again"))
    assert kind_of(source).name == source.kind
    assert load_source(SOURCES / "example-file.yaml").kind == "file"


def test_an_unknown_kind_is_named_with_those_that_there_are(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"halls\.yaml: kind 'json-lines' is unknown; there are: .*file, .*push"):
        load_source(file)
