"""References are polled into TimescaleDB: every version, with the moment at which it was known."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable
from dayahead.hours import Clock, Hour, format_utc, from_hour, to_hour
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import RecordTable, tables_of
from dayahead.reading.records import Row
from dayahead.retry import Backoff
from dayahead.source import Source
from dayahead.storage.database import connect
from dayahead.storage.tables.reference_forecast import write_versions
from dayahead.storage.tables.reference_series import series_by_reference
from dayahead.storage.tables.source import load_references, load_sources, register_source
from ingest.backfill_command import run_backfill
from ingest.condition import Condition
from ingest.reference_poller import ReferencePoller
from ingest.settings import IngestSettings
from ingest.source_commands import sources
from tests.conftest import TopicRoom
from tests.ingest.building import make_source
from tests.ingest.servers import connector, cursor_of, dead_letters, make_publisher, published

pytestmark = pytest.mark.servers

NOW = datetime(2026, 11, 29, 9, 30, tzinfo=UTC)
AHEAD = to_hour(NOW) + 15
OPERATOR = make_source(name="operator", forecast_of="test-source")
DATED = OPERATOR.model_copy(update={"published_column": "published"})


class Answers:
    """A reader that gives one answer, and notes what it was asked for."""

    def __init__(self) -> None:
        self.records: Sequence[Mapping[str, object]] = []
        self.starts: list[Hour] = []

    def read(self, start: Hour, end: Hour | None) -> Answer:
        self.starts.append(start)
        return Answer.of(self.records)


@pytest.fixture
def room(topics: TopicRoom) -> TopicRoom:
    topics.create(partitions=4)
    return topics


@pytest.fixture
def answers() -> Answers:
    return Answers()


def forecast(value: object, hour: Hour = AHEAD, **more: object) -> dict[str, object]:
    text = from_hour(hour).replace(tzinfo=None).isoformat()
    return {"HourUTC": text, "Area": "DK1", "Type": "111", "kWh": value, **more}


class Desk:
    """Polls a reference at any moment, and reads what is in the tables."""

    def __init__(self, room: TopicRoom, url: str, answers: Answers) -> None:
        self.room, self.url, self.answers = room, url, answers
        self.now = NOW

    def poll(self, *records: Mapping[str, object], source: Source = OPERATOR, after_h: float = 0) -> int:
        """Poll as a process that has just started; returns the versions written."""
        self.now += timedelta(hours=after_h)
        self.answers.records = records
        with closing(self.poller(source, lambda: self.now)) as poller:
            return poller.poll_once().rows

    def poller(self, source: Source, clock: Clock) -> ReferencePoller:
        return ReferencePoller(
            source=source,
            reader=self.answers,
            publisher=make_publisher(self.room),
            connect=connector(self.url),
            clock=clock,
            pause=lambda _: False,
            condition=Condition(source.name),
            backoff=Backoff(first_s=0.01, longest_s=0.05),
        )

    def versions(self, hour: Hour = AHEAD) -> list[tuple[float, float]]:
        """Hours after NOW at which each version of an hour was known, and its value."""
        rows = self.query(
            "SELECT available_at, value FROM reference_forecast WHERE valid_time = %s ORDER BY available_at",
            [from_hour(hour)],
        )
        return [((moment - NOW) / timedelta(hours=1), value) for moment, value in rows]

    def query(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, options="-c timezone=UTC") as connection:
            return connection.execute(statement.encode(), parameters).fetchall()


@pytest.fixture
def desk(room: TopicRoom, database_url: str, answers: Answers) -> Desk:
    return Desk(room, database_url, answers)


def test_an_hour_that_is_still_to_come_is_written_and_nothing_reaches_the_log(desk: Desk) -> None:
    assert desk.poll(forecast(7.0), forecast(8.0, AHEAD + 1)) == 2
    assert (desk.versions(), desk.versions(AHEAD + 1)) == ([(0, 7.0)], [(0, 8.0)])
    assert (published(desk.room), dead_letters(desk.room)) == ([], [])
    assert desk.query("SELECT series_id FROM reference_series") == [("DK1/111",)]


def test_a_changed_value_is_another_version_and_the_older_one_stays(desk: Desk) -> None:
    desk.poll(forecast(7.0))
    assert desk.poll(forecast(7.5), after_h=2) == 1
    assert desk.versions() == [(0, 7.0), (2, 7.5)]


def test_an_unchanged_value_is_not_written_again(desk: Desk) -> None:
    desk.poll(forecast(7.0))
    assert [desk.poll(forecast(7.0), after_h=1) for _ in range(3)] == [0, 0, 0]
    assert desk.versions() == [(0, 7.0)]


def test_a_value_that_returns_to_an_earlier_one_is_a_version_of_its_own(desk: Desk) -> None:
    for value in (7.0, 8.0, 7.0):
        desk.poll(forecast(value), after_h=1)
    assert desk.versions() == [(1, 7.0), (2, 8.0), (3, 7.0)]


def test_versions_count_from_the_moment_that_the_publisher_names(desk: Desk) -> None:
    records = [forecast(8.0, published="2026-11-29T08:30Z"), forecast(7.0, published="2026-11-28T09:30Z")]
    assert desk.poll(*records, source=DATED) == 2
    assert desk.versions() == [(-24, 7.0), (-1, 8.0)]
    assert desk.poll(*records, source=DATED, after_h=5) == 0


def test_a_publication_that_repeats_the_values_before_it_is_no_version(desk: Desk) -> None:
    moments = [f"2026-11-29T{hour:02}:30Z" for hour in range(6)]
    assert desk.poll(*(forecast(7.0, published=moment) for moment in moments), source=DATED) == 1


def test_a_value_corrected_under_the_same_moment_counts_from_its_receipt(desk: Desk) -> None:
    moment = "2026-11-29T08:30Z"
    desk.poll(forecast(7.0, published=moment), source=DATED)
    assert desk.poll(forecast(9.0, published=moment), source=DATED, after_h=2) == 1
    later = forecast(9.5, published="2026-11-29T12:00Z")
    desk.poll(forecast(9.0, published=moment), later, source=DATED, after_h=2)
    assert desk.poll(forecast(9.0, published=moment), later, source=DATED, after_h=2) == 0
    assert desk.versions() == [(-1, 7.0), (2, 9.0), (2.5, 9.5)]


def test_a_record_that_breaks_the_contract_is_a_dead_letter_once(desk: Desk) -> None:
    desk.answers.records = [forecast("many"), forecast(7.0)]
    with closing(desk.poller(OPERATOR, lambda: NOW)) as poller:
        results = [poller.poll_once() for _ in range(2)]
    assert [(one.rows, one.rejections) for one in results] == [(1, 1), (0, 0)]
    [(_, headers)] = dead_letters(desk.room)
    assert (headers["code"], headers["source"]) == ("not_a_number", "operator")


def test_a_later_poll_reads_all_that_lies_ahead_and_the_revision_window(desk: Desk) -> None:
    desk.poll(forecast(7.0, AHEAD + 100))
    desk.poll(forecast(7.0), after_h=1)
    start, again = desk.answers.starts
    assert start == to_hour(NOW) - int(OPERATOR.history_h)
    assert again == to_hour(NOW) + 1 - int(OPERATOR.revision_window_h)
    assert cursor_of(desk.url)[0] == from_hour(AHEAD + 101)


def test_a_reference_is_no_source_of_observations(desk: Desk) -> None:
    desk.poll(forecast(7.0))
    with psycopg.connect(desk.url) as connection:
        register_source(connection, make_source())
        assert list(load_sources(connection)) == ["test-source"]
        assert list(load_references(connection)) == ["operator"]


def test_a_source_never_turns_into_the_other_kind_once_it_has_series(desk: Desk) -> None:
    observed = make_source()
    with connect(desk.url, autocommit=True) as connection:
        # a name without series may still be corrected
        register_source(connection, observed.model_copy(update={"forecast_of": "other"}))
        key = register_source(connection, observed).source_key
        connection.execute(
            "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
            " VALUES ('DK1/111', %s, '{}', 'DK1', 'kWh', 0)",
            [key],
        )
        with pytest.raises(SettingsError, match="test-source is registered as a source of observed values"):
            register_source(connection, observed.model_copy(update={"forecast_of": "other"}))
        assert list(load_sources(connection)) == ["test-source"]
    with pytest.raises(SourceRefused, match="give this one another name"):
        desk.poll(forecast(7.0), source=observed.model_copy(update={"forecast_of": "other"}))
    desk.poll(forecast(7.0))
    with connect(desk.url, autocommit=True) as connection:
        with pytest.raises(SettingsError, match="operator is registered as a reference forecast and has series"):
            register_source(connection, make_source(name="operator"))
        assert list(load_references(connection)) == ["operator"]


def test_a_series_is_matched_once_it_is_observed_in_the_same_unit_by_the_source_that_is_named(desk: Desk) -> None:
    desk.poll(forecast(7.0))
    insert = (
        "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
        " VALUES ('DK1/111', %s, '{}', 'DK1', %s, 0) ON CONFLICT (series_id) DO UPDATE SET"
        " source_key = excluded.source_key, unit = excluded.unit"
    )
    matched = []
    with connect(desk.url) as connection:
        matched.append(series_by_reference(connection)[0].matched)
        own = register_source(connection, make_source()).source_key
        other = register_source(connection, make_source(name="other")).source_key
        for source_key, unit in ((other, "kWh"), (own, "MWh"), (own, "kWh")):
            connection.execute(insert, [source_key, unit])
            [found] = series_by_reference(connection)
            matched.append(found.matched)
            seen = connection.execute("SELECT count(*) FROM reference_of_series").fetchone()
            assert seen == (found.matched,)
        assert matched == [0, 0, 0, 1]
        assert (found.name, found.forecast_of, found.series, found.newest) == (
            "operator", "test-source", 1, from_hour(AHEAD),
        )  # fmt: skip


def test_a_backfill_of_a_reference_is_refused() -> None:
    with pytest.raises(SettingsError, match="operator is a reference forecast: it is not backfilled"):
        run_backfill(OPERATOR, None, 0, 1, resume=False, settings=IngestSettings())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=12))
def test_at_every_moment_the_value_known_is_the_newest_that_was_published_by_then(
    database_url: str, publications: list[tuple[int, int]]
) -> None:
    """Also where publications are read in any order and more than once; the last value of a moment is not asked for."""
    stated = dict(reversed(publications))
    with connect(database_url) as connection:
        source_key = register_source(connection, DATED).source_key
        connection.execute("DELETE FROM reference_forecast")
        for moment, value in [*stated.items(), *reversed(stated.items())]:
            at = NOW + timedelta(hours=moment)
            write_versions(connection, source_key, [Row("DK1/111", AHEAD, value)], at, NOW + timedelta(hours=99))
        for moment in range(13):
            row = connection.execute(
                "SELECT value FROM reference_forecast WHERE available_at <= %s ORDER BY available_at DESC LIMIT 1",
                [NOW + timedelta(hours=moment)],
            ).fetchone()
            by_then = [value for published_at, value in sorted(stated.items()) if published_at <= moment]
            assert (None if row is None else row[0]) == (by_then[-1] if by_then else None)
        connection.rollback()


def test_the_list_of_sources_names_a_reference_and_how_many_of_its_series_are_observed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.poll(forecast(7.0), forecast(8.0, AHEAD + 1))
    monkeypatch.setenv("DAYAHEAD_DATABASE_URL", desk.url)
    shown = CliRunner().invoke(sources, ["list"])
    assert shown.exit_code == 0, shown.output
    last = format_utc(from_hour(AHEAD + 1))
    assert shown.output == (
        "operator\tenergi-data-service\tforecast of test-source: 1 series, 0 of them observed there\t"
        f"last hour {last}\n"
    )
    removed = CliRunner().invoke(sources, ["remove", "operator"])
    assert removed.output.startswith("operator: removed; the data of its 1 series stays\n")


def test_an_error_that_no_rule_foresees_in_a_publication_fails_the_poll_and_not_the_process(desk: Desk) -> None:
    def tables() -> Iterator[RecordTable]:
        yield from tables_of([forecast(7.0, published="2026-11-29T08:30Z")])
        raise LookupError("no such column")

    with closing(desk.poller(DATED, lambda: NOW)) as poller:
        desk.answers.read = lambda start, end: Answer(tables())  # type: ignore[method-assign]
        with pytest.raises(SourceRefused, match="operator cannot be read: LookupError: no such column"):
            poller.poll_once()


def test_a_first_poll_without_hours_does_not_advise_a_backfill_that_a_reference_refuses(desk: Desk) -> None:
    with pytest.raises(SourceUnavailable, match=r"operator has no hour since .*: raise history_h$"):
        desk.poll()
