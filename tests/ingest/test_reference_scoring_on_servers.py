"""References are scored on the hours of which both said something at the moment of our issue."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dayahead.errors import StorageError
from dayahead.hours import from_hour
from dayahead.source import Source
from dayahead.storage.database import connect
from dayahead.storage.tables.reference_series import SLACK
from dayahead.storage.tables.source import register_source, remove_source
from ingest.reference_scoring import ReferenceScoring
from tests.operator_forecasts import HOUR, Operator, Sums, Tables, reference_of, usual
from tests.stream.logs import SOURCE, START

pytestmark = pytest.mark.servers

HOURS = 96
SERIES = ["DK1/1", "DK2/2"]
ONE = SERIES[0]


class Scene(Tables):
    """Two series of a source with a gate, and an operator that forecasts them each morning for the day after."""

    def __init__(self, url: str, **changes: object) -> None:
        fields = SOURCE.model_dump(exclude_defaults=True) | {"gates": ["11:00"], "horizon_h": 48, **changes}
        super().__init__(url, Source.model_validate(fields), SERIES, START)
        self.operator = Operator(url, reference_of(self.source))

    def publish_days(self, days: int) -> None:
        """Publish at 09:30 UTC of each day the 24 hours of the next one."""
        for day in range(days):
            first = START + 24 * (day + 1)
            self.operator.publish(from_hour(first - 15) + timedelta(minutes=30), guesses(range(first, first + 24)))

    def query(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, options="-c timezone=UTC") as connection:
            return connection.execute(statement.encode(), parameters).fetchall()


def guesses(hours: range, off: float = 3.0) -> list[tuple[str, int, float]]:
    return [(one, hour, usual(hour - START) + off) for hour in hours for one in SERIES]


@pytest.fixture
def scene(database_url: str) -> Scene:
    return Scene(database_url)


def same(one: Mapping[Any, Sums], other: Mapping[Any, Sums]) -> bool:
    return one.keys() == other.keys() and all(one[key] == pytest.approx(other[key]) for key in one)


def test_both_are_scored_on_the_same_hours_with_the_version_known_at_our_issue(scene: Scene) -> None:
    scene.publish_days(4)
    scene.live(HOURS)
    assert scene.operator.score() > 0
    scored = scene.operator.scored()
    assert same(scored, scene.operator.expected())
    # the reference is off by 3 in every hour, and knows no hour of its first day
    assert {first for _, _, first in scored} == {1, 7, 13, 25}
    assert all(sums.theirs == pytest.approx(3 * sums.hours) for sums in scored.values())
    assert min(origin for _, origin, _ in scored) >= from_hour(START)


def test_a_version_that_is_published_after_our_issue_never_counts(scene: Scene) -> None:
    scene.publish_days(4)
    scene.live(HOURS)
    scene.operator.score()
    before = scene.operator.scored()
    issued = {
        (series_id, origin): issued_at
        for series_id, origin, issued_at in scene.query(
            "SELECT series_id, origin, issued_at FROM forecast JOIN series USING (series_key)"
        )
    }
    # perfect values, a microsecond after the issue of an origin whose next hours they are
    origin = from_hour(START + 30)
    late = issued[ONE, origin] + timedelta(microseconds=1)
    scene.operator.publish(late, guesses(range(START + 32, START + 56), off=0.0))
    assert scene.operator.score() > 0
    after = scene.operator.scored()
    assert same(after, scene.operator.expected())
    assert {key: sums for key, sums in after.items() if issued[key[:2]] < late} == {
        key: sums for key, sums in before.items() if issued[key[:2]] < late
    }
    assert after[ONE, origin + HOUR, 1].theirs == 0 < before[ONE, origin + HOUR, 1].theirs


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    versions=st.lists(
        st.tuples(st.integers(0, 60 * 40), st.integers(20, 44), st.floats(0, 500, width=32)), min_size=1, max_size=40
    ),
    issued=st.lists(st.integers(0, 60 * 40), min_size=6, max_size=6),
)
def test_whatever_is_published_and_issued_when_only_what_was_known_counts(
    database_url: str, versions: list[tuple[int, int, float]], issued: list[int]
) -> None:
    """Versions as minute of publication, hour and value; six origins, each with its minute of issue."""
    start = from_hour(START)
    operator = Operator(database_url, reference_of(SOURCE))
    with connect(database_url) as connection:
        for table in ("observation", "forecast", "score", "reference_score", "reference_forecast", "series"):
            connection.execute(f"DELETE FROM {table}".encode())
        source_key = register_source(connection, SOURCE).source_key
        row = connection.execute(
            "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
            " VALUES ('DK1/1', %s, '{}', 'DK1', 'kWh', 0) RETURNING series_key",
            [source_key],
        ).fetchone()
        assert row is not None
        key = row[0]
        for hour in range(20, 45):
            connection.execute(
                "INSERT INTO observation (series_key, valid_time, value, available_at) VALUES (%s, %s, %s, %s)",
                [key, start + hour * HOUR, 100 + hour, start],
            )
        for place, minute in enumerate(issued):
            origin = start + (16 + place) * HOUR
            connection.execute(
                "INSERT INTO forecast (series_key, origin, issued_at, rung, reasons, p50, p10, p90, message_offset)"
                " VALUES (%s, %s, %s, 3, 0, %s, '{}', '{}', 0)",
                [key, origin, start + timedelta(minutes=minute), [float(90 + place)] * 24],
            )
            connection.execute(
                "INSERT INTO score SELECT %s, %s, NULL, 3, 24, 1, 1, 1, 24, 1, 1, 24, 1, 1, 24, 1, ARRAY[]::real[]",
                [key, origin],
            )
    # as a publisher does, in their order; of two versions of an hour at one moment the last
    stated = {(minute, hour): value for minute, hour, value in versions}
    for (minute, hour), value in sorted(stated.items()):
        operator.publish(start + timedelta(minutes=minute), [("DK1/1", START + hour, value)])
    operator.score()
    assert same(operator.scored(), operator.expected())


def test_a_revised_hour_is_scored_again_in_all_origins_that_forecast_it(scene: Scene) -> None:
    scene.publish_days(4)
    scene.live(HOURS)
    scene.operator.score()
    before = scene.operator.scored()
    hour = START + 40
    scene.revise(ONE, hour, 999.0)
    assert scene.operator.score() > 0
    after = scene.operator.scored()
    assert same(after, scene.operator.expected())
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed
    for _, origin, first in changed:
        last = 24 if first == 13 else first + (5 if first < 25 else 23)
        assert origin + first * HOUR <= from_hour(hour) <= origin + last * HOUR


def test_a_round_without_news_writes_nothing_and_a_lost_cursor_changes_nothing(scene: Scene) -> None:
    scene.publish_days(4)
    scene.live(HOURS)
    scoring = ReferenceScoring(connect=lambda: connect(scene.url, wait_s=0, autocommit=True))
    assert scoring.round() > 0
    assert scoring.round() == 0
    scoring.close()
    before = scene.operator.scored()
    with connect(scene.url) as connection:
        connection.execute("UPDATE reference_series SET observed_until = NULL, versions_until = NULL")
    scene.operator.score()
    assert same(before, scene.operator.scored())


def test_a_series_without_news_keeps_up_so_that_a_round_reads_no_history(scene: Scene) -> None:
    scene.publish_days(4)
    scene.live(HOURS - 24)
    scene.operator.score()
    with connect(scene.url) as connection:
        connection.execute(
            "UPDATE reference_series SET observed_until = observed_until - INTERVAL '10 days',"
            " versions_until = versions_until - INTERVAL '10 days' WHERE series_id = %s",
            [ONE],
        )
        connection.execute("UPDATE observation SET recorded_at = recorded_at - INTERVAL '20 days'")
        connection.execute("UPDATE reference_forecast SET recorded_at = recorded_at - INTERVAL '20 days'")
    scene.operator.score()
    with connect(scene.url) as connection:
        behind = connection.execute(
            "SELECT max(observed_until) - min(observed_until), max(versions_until) - min(versions_until)"
            " FROM reference_series"
        ).fetchone()
    assert behind is not None
    assert all(one <= SLACK for one in behind)
    scene.live(24)
    scene.operator.score()
    assert same(scene.operator.scored(), scene.operator.expected())


def test_rounds_as_hours_come_give_what_one_round_at_the_end_gives(scene: Scene) -> None:
    scene.publish_days(4)
    scoring = ReferenceScoring(connect=lambda: connect(scene.url, wait_s=0, autocommit=True))
    for hours in (30, 1, 1, 40, 24):
        scene.live(hours)
        scoring.round()
    scoring.close()
    step_by_step = scene.operator.scored()
    assert same(step_by_step, scene.operator.expected())


def test_a_series_that_is_observed_later_is_scored_from_the_first_hour_of_the_reference(scene: Scene) -> None:
    scene.publish_days(4)
    assert scene.operator.score() == 0
    scene.live(HOURS)
    scene.operator.score()
    assert same(scene.operator.scored(), scene.operator.expected())


def test_two_references_of_a_series_are_scored_each_by_itself(scene: Scene) -> None:
    other = Operator(scene.url, reference_of(scene.source, "other"))
    scene.publish_days(4)
    other.publish(from_hour(START), guesses(range(START, START + HOURS), off=50.0))
    scene.live(HOURS)
    scene.operator.score()
    assert same(other.scored(), other.expected())
    assert same(scene.operator.scored(), scene.operator.expected())
    with connect(scene.url) as connection:
        remove_source(connection, "other")
    assert other.scored() == {}
    assert scene.operator.scored()


def test_in_a_replay_a_version_counts_by_the_clock_of_the_data(database_url: str) -> None:
    scene = Scene(database_url, clock="replay", publication_lag_h=1.0)
    scene.publish_days(4)
    # a perfect correction one hour before each hour: known at the late issue, not when the origin was due
    for hour in range(START + 40, START + 60):
        scene.operator.publish(from_hour(hour - 1), guesses(range(hour, hour + 1), off=0.0))
    scene.live(HOURS)
    with connect(database_url) as connection:
        connection.execute("UPDATE forecast SET issued_at = issued_at + interval '3 years'")
    scene.operator.score()
    assert same(scene.operator.scored(), scene.operator.expected(lag=HOUR))


def test_a_day_at_a_gate_is_compared_as_both_stood_at_the_gate(scene: Scene) -> None:
    scene.publish_days(4)
    # corrected after the gate of 11:00 local (10:00 UTC), before the day
    first = START + 48
    scene.operator.publish(from_hour(first - 12), guesses(range(first, first + 24), off=0.0))
    scene.live(HOURS)
    scene.operator.score()
    rows = scene.query(
        """
        SELECT product.day, product.hours, score.hours, score.reference_error, score.absolute_actual
        FROM reference_day_score AS score JOIN day_ahead AS product USING (series_key, day, gate) ORDER BY 1
        """
    )
    assert len(rows) == 3 * len(SERIES)
    for day, hours, compared, theirs, actual in rows:
        # the days begin at 23:00 UTC, an hour before those of the operator: of the first one that hour is unknown, of
        # the day with the correction it is the only one that was corrected before the gate of the day before
        lacking = int(str(day) == "2023-01-19")
        assert (hours, compared) == (24, 24 - lacking)
        assert theirs == pytest.approx(3 * (compared - int(str(day) == "2023-01-21")))
        assert actual == pytest.approx(sum(usual(hour) for hour in range(24)) - lacking * usual(23))


def test_a_revision_and_a_late_version_change_the_score_of_a_gate(scene: Scene) -> None:
    scene.publish_days(4)
    scene.live(HOURS)
    scene.operator.score()
    statement = "SELECT sum(reference_error) FROM reference_day_score WHERE day = '2023-01-20'"
    [(before,)] = scene.query(statement)
    scene.revise(ONE, START + 50, 1000.0)
    scene.operator.score()
    [(revised,)] = scene.query(statement)
    assert revised > before
    # found afterwards in the publisher's archive: it was published before the gate
    earlier = from_hour(START + 33) + timedelta(minutes=45)
    scene.operator.publish(earlier, guesses(range(START + 48, START + 50), off=0.0))
    scene.operator.score()
    [(archived,)] = scene.query(statement)
    assert archived == pytest.approx(revised - 2 * 3 * len(SERIES))


def test_an_outage_of_timescaledb_is_counted_and_the_next_round_goes_on(scene: Scene) -> None:
    scene.publish_days(4)
    scene.live(HOURS)
    down = [True]

    def opened() -> psycopg.Connection:
        if down[0]:
            raise StorageError("TimescaleDB does not answer")
        return connect(scene.url, wait_s=0, autocommit=True)

    scoring = ReferenceScoring(connect=opened)
    assert not scoring.try_round()
    down[0] = False
    assert scoring.try_round()
    scoring.close()
    assert same(scene.operator.scored(), scene.operator.expected())
