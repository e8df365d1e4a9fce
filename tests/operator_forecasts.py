"""A grid operator that forecasts series of a test, and what its score must be, worked out row by row."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from dayahead.hours import Hour, from_hour
from dayahead.reading.records import Row
from dayahead.source import Source
from dayahead.storage.database import connect
from dayahead.storage.tables.day_ahead import keep_products
from dayahead.storage.tables.reference_forecast import write_versions
from dayahead.storage.tables.source import register_source
from ingest.reference_scoring import ReferenceScoring

HOUR = timedelta(hours=1)
RANGES = ((1, 6), (7, 12), (13, 24), *((24 * day + 1, 24 * day + 24) for day in range(1, 17)))


class Sums(NamedTuple):
    """What a score adds up."""

    hours: int
    ours: float
    theirs: float
    actual: float


def reference_of(source: Source, name: str = "operator", **changes: Any) -> Source:
    """The reference of a source whose records name their moment of publication."""
    kept = source.model_dump(include={"kind", "url", "dataset", "time_column", "key_columns", "value_column", "unit"})
    title = f"Forecast of {name}"
    return Source.model_validate(
        {**kept, "name": name, "title": title, "forecast_of": source.name, "published_column": "published", **changes}
    )


@dataclass
class Operator:
    """Publishes forecasts, and remembers them.

    Attributes:
        url: of TimescaleDB.
        source: the reference.
        versions: moment of publication and value, by series_id and hour.
    """

    url: str
    source: Source
    versions: dict[tuple[str, datetime], list[tuple[datetime, float]]] = field(default_factory=dict)

    def publish(self, at: datetime, rows: Sequence[tuple[str, Hour, float]]) -> None:
        """Publish a forecast of some hours."""
        with connect(self.url) as connection:
            source_key = register_source(connection, self.source).source_key
            write_versions(connection, source_key, [Row(*row) for row in rows], at, at)
        for series_id, hour, value in rows:
            self.versions.setdefault((series_id, from_hour(hour)), []).append((at, value))

    def known(self, series_id: str, valid_time: datetime, by: datetime) -> float | None:
        """The value that was known of an hour by a moment; what comes after the hour has begun is no forecast."""
        published = [one for one in self.versions.get((series_id, valid_time), []) if one[0] <= min(by, valid_time)]
        return max(published, key=lambda one: one[0])[1] if published else None

    def expected(self, lag: timedelta | None = None) -> dict[tuple[str, datetime, int], Sums]:
        """Sums by series, origin and first lead of every forecast whose day of the horizon is scored."""
        found: dict[tuple[str, datetime, int], Sums] = {}
        observed = {(one, hour): value for one, hour, value in self._query(
            "SELECT series_id, valid_time, value FROM observation JOIN series USING (series_key)"
        )}  # fmt: skip
        for series_id, origin, issued_at, p50, days in self._query(
            """
            SELECT series_id, origin, issued_at, p50, array(
                SELECT 1 FROM score WHERE (score.series_key, score.origin) = (forecast.series_key, forecast.origin)
                UNION ALL
                SELECT horizon_day FROM day_score AS score
                WHERE (score.series_key, score.origin) = (forecast.series_key, forecast.origin)
            ) FROM forecast JOIN series USING (series_key)
            """
        ):
            by = issued_at if lag is None else min(issued_at, origin + lag)
            for first, last in RANGES:
                if (first - 1) // 24 + 1 not in days:
                    continue
                sums = Sums(0, 0.0, 0.0, 0.0)
                for lead in range(first, last + 1):
                    valid_time = origin + lead * HOUR
                    actual = observed.get((series_id, valid_time))
                    known = self.known(series_id, valid_time, by)
                    if actual is not None and known is not None:
                        ours = abs(p50[lead - 1] - actual)
                        added = (1, ours, abs(known - actual), abs(actual))
                        sums = Sums(*(a + b for a, b in zip(sums, added, strict=True)))
                if sums.hours:
                    found[series_id, origin, first] = sums
        return found

    def scored(self) -> dict[tuple[str, datetime, int], Sums]:
        """The same as table `reference_score` has it."""
        rows = self._query(
            "SELECT series_id, origin, first_lead, hours, absolute_error, reference_error, absolute_actual"
            " FROM reference_score_point WHERE reference = %s",
            [self.source.name],
        )
        return {(one, origin, first): Sums(*sums) for one, origin, first, *sums in rows}

    def score(self) -> int:
        """Score once, as a process that has just started; returns the scores written."""
        scoring = ReferenceScoring(connect=lambda: connect(self.url, wait_s=0, autocommit=True))
        try:
            return scoring.round()
        finally:
            scoring.close()

    def _query(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, options="-c timezone=UTC") as connection:
            return connection.execute(statement.encode(), parameters).fetchall()


SCORE_OF_A_DAY = "NULL, 0, 24, 1, 1, 1, 24, 1, 1, 24, 1, 1, 24, 1"
"""Release, rung and sums of a score: what is compared with references is taken from the forecasts, not from these."""


@dataclass
class Tables:
    """What a worker leaves in the tables as it lives through hours: values, forecasts, scores, and days at gates.

    Attributes:
        url: of TimescaleDB.
        source: the observed source; each of its series is forecast for 48 hours.
        series: ids.
        first: the first hour.
        hours: that were observed.
    """

    url: str
    source: Source
    series: Sequence[str]
    first: Hour
    hours: int = 0

    def __post_init__(self) -> None:
        with connect(self.url) as connection:
            self.source_key = register_source(connection, self.source).source_key

    def live(self, hours: int) -> None:
        """Observe the next hours; each is an origin of which a forecast is issued 20 minutes after its end."""
        with connect(self.url) as connection, connection.cursor() as cursor:
            for series_id in self.series:
                cursor.execute(
                    "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
                    " VALUES (%s, %s, '{}', %s, %s, 0) ON CONFLICT DO NOTHING",
                    [series_id, self.source_key, series_id.split("/")[0], self.source.unit],
                )
            for hour in range(self.hours, self.hours + hours):
                self._observe(cursor, hour)
        self.hours += hours

    def _observe(self, cursor: psycopg.Cursor, number: int) -> None:
        hour = from_hour(self.first + number)
        issued_at = hour + HOUR + timedelta(minutes=20)
        given = {
            "source": self.source_key,
            "hour": hour,
            "value": usual(number),
            "issued": issued_at,
            "p50": [usual(number + lead) + lead / 8 for lead in range(1, 49)],
        }
        series = "FROM series WHERE source_key = %(source)s"
        matured = "JOIN series USING (series_key) WHERE source_key = %(source)s AND origin = %(hour)s - INTERVAL"
        summed = f"(origin AT TIME ZONE 'UTC')::date, '', {', '.join('1' * 14)}"
        for statement in (
            f"INSERT INTO observation (series_key, valid_time, value, available_at)"
            f" SELECT series_key, %(hour)s, %(value)s, %(issued)s {series}",
            f"INSERT INTO forecast (series_key, origin, issued_at, rung, reasons, p50, p10, p90, message_offset)"
            f" SELECT series_key, %(hour)s, %(issued)s, 0, 0, %(p50)s, %(p50)s, %(p50)s, 0 {series}",
            f"INSERT INTO score SELECT series_key, origin, {SCORE_OF_A_DAY}, ARRAY[]::real[]"
            f" FROM forecast {matured} '24 hours'",
            f"INSERT INTO day_score SELECT series_key, origin, 2, NULL, 0, {', '.join('1' * 13)}"
            f" FROM forecast {matured} '48 hours'",
            f"INSERT INTO accuracy_day SELECT 0, area, unit, {summed}, 1 FROM score {matured} '24 hours'"
            " ON CONFLICT DO NOTHING",
            f"INSERT INTO accuracy_day SELECT 0, area, unit, {summed}, 2 FROM day_score {matured} '48 hours'"
            " ON CONFLICT DO NOTHING",
        ):
            cursor.execute(statement.encode(), given)
        for gate in self.source.passed_gates(issued_at, HOUR):
            newest = self.first + number - 1  # the forecast of this hour is issued after the gate
            keep_products(cursor, 0, self.source_key, gate, newest_origin=newest, issued_by=gate.moment)

    def revise(self, series_id: str, hour: Hour, value: float) -> None:
        """Observe another value of an hour."""
        with connect(self.url) as connection:
            connection.execute(
                "UPDATE observation SET value = %s, recorded_at = clock_timestamp() FROM series"
                " WHERE series.series_key = observation.series_key AND series_id = %s AND valid_time = %s",
                [value, series_id, from_hour(hour)],
            )


def usual(number: int) -> float:
    """The value of the hour so many hours after the first one."""
    return 100.0 + 10 * (number % 24)
