"""Table `reference_score`: the forecasts of others, scored in comparison with ours, and their sums.

Compared are the hours that we forecast, of which a version of the reference was known at the moment of our issue, and
that were observed. A version that was published later never counts, nor does one that was published after its hour had
begun: that is no forecast. Both errors run over the same hours, each as one sum of differences, so that they are summed
where the versions lie.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row

from dayahead.horizon import DAY_LEADS, MAX_LEADS
from dayahead.storage.tables.score import SourceWindow, window_columns

FIRST_LEADS = (1, 7, 13)
"""First leads of the ranges of day 1, as metrics and panels have them; each later day is one range."""

KNOWN = """
    CROSS JOIN LATERAL (
        SELECT version.value FROM reference_forecast AS version
        WHERE version.reference_key = due.reference_key AND version.valid_time = observed.valid_time
          AND version.available_at <= least(due.known_by, observed.valid_time)
        ORDER BY version.available_at DESC LIMIT 1
    ) AS known
"""
"""The version of a reference that was known for an hour, to stand in a statement with `due` and `observed`."""

COMPARED = """
    count(*), sum(abs(ours.p50 - observed.value)), sum(abs(known.value - observed.value)), sum(abs(observed.value))
"""

# A changed hour touches the scores of all origins that forecast it. The bounds of all origins say which chunks to read.
COMPARE = f"""
    WITH changed AS (
        SELECT matched.series_key, matched.reference_key, given.valid_time
        FROM unnest(%(reference_keys)s::integer[], %(valid_times)s::timestamptz[])
            AS given (reference_key, valid_time)
        JOIN reference_of_series AS matched USING (reference_key)
    ), scored AS MATERIALIZED (
        SELECT DISTINCT changed.series_key, changed.reference_key, matured.origin, matured.horizon_day
        FROM changed CROSS JOIN LATERAL (
            SELECT origin, 1 AS horizon_day FROM score
            WHERE score.series_key = changed.series_key AND origin >= %(oldest)s AND origin < %(newest)s
              AND origin >= changed.valid_time - INTERVAL '{DAY_LEADS} hours' AND origin < changed.valid_time
            UNION ALL
            SELECT origin, horizon_day FROM day_score
            WHERE day_score.series_key = changed.series_key AND origin >= %(oldest)s AND origin < %(newest)s
              AND origin >= changed.valid_time - horizon_day * INTERVAL '{DAY_LEADS} hours'
              AND origin < changed.valid_time - (horizon_day - 1) * INTERVAL '{DAY_LEADS} hours'
        ) AS matured
    ), due AS (
        SELECT scored.*, forecast.p50, least(forecast.issued_at, scored.origin + %(lag)s::interval) AS known_by
        FROM scored JOIN forecast USING (series_key, origin)
        WHERE forecast.origin >= %(oldest)s AND forecast.origin < %(newest)s
    )
    INSERT INTO reference_score AS standing
        (series_key, reference_key, origin, first_lead, last_lead, horizon_day,
         hours, absolute_error, reference_error, absolute_actual)
    SELECT due.series_key, due.reference_key, due.origin, part.first_lead, part.last_lead, due.horizon_day, {COMPARED}
    FROM due
    CROSS JOIN LATERAL (
        SELECT first_lead, least(first_lead + size, {DAY_LEADS} * due.horizon_day + 1) - 1 AS last_lead
        FROM unnest(CASE due.horizon_day WHEN 1 THEN %(first_leads)s::integer[]
                    ELSE ARRAY[{DAY_LEADS} * (due.horizon_day - 1) + 1] END,
                    CASE due.horizon_day WHEN 1 THEN %(sizes)s::integer[] ELSE ARRAY[{DAY_LEADS}] END)
            AS part (first_lead, size)
    ) AS part
    CROSS JOIN LATERAL generate_series(part.first_lead, part.last_lead) AS lead
    CROSS JOIN LATERAL (SELECT due.p50[lead]::double precision AS p50) AS ours
    JOIN observation AS observed ON observed.series_key = due.series_key
        AND observed.valid_time = due.origin + lead * INTERVAL '1 hour'
        AND observed.valid_time > %(oldest)s AND observed.valid_time <= %(newest)s + INTERVAL '{MAX_LEADS} hours'
    {KNOWN}
    WHERE ours.p50 <> 'NaN'
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4
    ON CONFLICT (series_key, reference_key, origin, first_lead) DO UPDATE
    SET hours = excluded.hours, absolute_error = excluded.absolute_error,
        reference_error = excluded.reference_error, absolute_actual = excluded.absolute_actual
    WHERE (standing.hours, standing.absolute_error, standing.reference_error, standing.absolute_actual)
        IS DISTINCT FROM
        (excluded.hours, excluded.absolute_error, excluded.reference_error, excluded.absolute_actual)
"""  # noqa: S608 - all names are the code's own


def compare_hours(
    connection: psycopg.Connection,
    reference_keys: Sequence[int],
    valid_times: Sequence[datetime],
    lag: timedelta | None,
) -> int:
    """Score references again at every origin whose score looks at one of some hours. The caller commits.

    Args:
        connection: an open connection.
        reference_keys: n references of series, at least one.
        valid_times: the n hours, as near to each other as possible.
        lag: in a replay, whose clock follows the data, from an origin to the moment of its issue; None elsewhere.

    Returns:
        Scores that were written.
    """
    ends = (*FIRST_LEADS[1:], DAY_LEADS + 1)
    given = {
        "reference_keys": list(reference_keys),
        "valid_times": list(valid_times),
        "oldest": min(valid_times) - timedelta(hours=MAX_LEADS),
        "newest": max(valid_times),
        "lag": lag,
        "first_leads": list(FIRST_LEADS),
        "sizes": [end - first for first, end in zip(FIRST_LEADS, ends, strict=True)],
    }
    # not prepared: a statement that knows its origins reads their chunks only
    return connection.execute(COMPARE.encode(), given, prepare=False).rowcount


@dataclass(frozen=True)
class ReferenceSums:
    """Sums over the hours on which a reference and our forecasts were compared.

    Attributes:
        source: name of the reference source.
        title: what a person reads.
        unit: of the sums.
        first_lead: of the range of leads; None for the sums over all of them.
        last_lead: of the range of leads.
        series: number of series.
        forecasts: number of our forecasts, or with a gate of days.
        hours: compared.
        absolute_error: of ours.
        reference_error: of the reference.
        absolute_actual: of what was observed.
    """

    source: str
    title: str
    unit: str
    first_lead: int | None
    last_lead: int | None
    series: int
    forecasts: int
    hours: int
    absolute_error: float
    reference_error: float
    absolute_actual: float


SUMMED = """
    count(DISTINCT score.series_key)::integer AS series, sum(score.hours)::integer AS hours,
    sum(score.absolute_error) AS absolute_error, sum(score.reference_error) AS reference_error,
    sum(score.absolute_actual) AS absolute_actual
"""

SUMS = f"""
    SELECT matched.reference AS source, matched.title, matched.unit, score.first_lead, score.last_lead,
           count(DISTINCT (score.series_key, score.origin))::integer AS forecasts, {SUMMED}
    FROM unnest(%(source_keys)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        AS covered_by (source_key, start_origin, end_origin)
    JOIN reference_of_series AS matched USING (source_key)
    JOIN reference_score AS score ON score.series_key = matched.series_key
        AND score.reference_key = matched.reference_key AND score.horizon_day = %(horizon_day)s
        AND score.origin >= covered_by.start_origin AND score.origin <= covered_by.end_origin
    WHERE (%(area)s::text IS NULL OR matched.area = %(area)s)
      AND (%(series_key)s::integer IS NULL OR matched.series_key = %(series_key)s)
    GROUP BY GROUPING SETS ((matched.reference, matched.title, matched.unit),
                            (matched.reference, matched.title, matched.unit, first_lead, last_lead))
    ORDER BY matched.reference, first_lead NULLS FIRST
"""  # noqa: S608


def read_reference_sums(
    connection: psycopg.Connection,
    windows: Sequence[SourceWindow],
    *,
    area: str | None = None,
    series_key: int | None = None,
    horizon_day: int = 1,
) -> list[ReferenceSums]:
    """Read sums of the scores of each reference over the windows of the observed sources: first all, then by leads.

    Args:
        connection: an open connection.
        windows: origins to look at, one window a source.
        area: only series of this area.
        series_key: only this series.
        horizon_day: of the scores.
    """
    given = {"area": area, "series_key": series_key, "horizon_day": horizon_day, **window_columns(windows)}
    with connection.cursor(row_factory=class_row(ReferenceSums)) as cursor:
        return cursor.execute(SUMS.encode(), given, prepare=False).fetchall()
