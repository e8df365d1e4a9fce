"""`/v1/accuracy`: how good the forecasts of the last days were, and whether they beat the seasonal naive."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import psycopg
from fastapi import Query, Request
from fastapi.responses import Response
from psycopg.rows import dict_row
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.media import JSON
from api.edge.route import resource
from api.parameters import Area, Cursor, Moment, SeriesIds, Utc, series_key_of
from api.problems import NOT_FOUND
from api.tables import COUNT, MOMENT, NUMBER, TABLES, TEXT, ChosenFormat, Columns, next_link, table_response
from dayahead.storage.tables.score import SUMS, added_up

router = resource("/v1/accuracy", "accuracy")

DAY = timedelta(days=1)

SAME_PERCENT = 0.5
"""Differences below this are no difference that a person should read anything into."""

Days = Annotated[int, Query(ge=1, le=366, description="UTC days of origins to look at, the day of `end` included")]
End = Annotated[
    Moment | None, Query(description="A moment of the last UTC day to look at; without it, the newest that has scores")
]

DAYS_ADDED_UP = ", ".join(f"sum({name}) AS {name}" for name in SUMS)
SCORES_ADDED_UP = ", ".join(f"{added_up(name)} AS {name}" for name in SUMS)

WINDOW = "score.origin >= %(start)s AND score.origin <= %(end)s"

GROUPS = f"""
    SELECT unit, area, grouping(area) = 1 AS all_areas, sum(forecasts) AS forecasts, {DAYS_ADDED_UP}
    FROM accuracy_day
    WHERE day BETWEEN (%(start)s AT TIME ZONE 'UTC')::date AND (%(end)s AT TIME ZONE 'UTC')::date
      AND (%(area)s::text IS NULL OR area = %(area)s)
    GROUP BY GROUPING SETS ((unit), (unit, area)) HAVING sum(forecasts) > 0 ORDER BY 1, 3 DESC, 2
"""  # noqa: S608 - fixed text

# The series of the page first, then their scores alone: not the scores of all series for the few that are shown.
BY_SERIES = f"""
    WITH page AS MATERIALIZED (
        SELECT series_key, series_id, area, unit FROM series
        WHERE (%(area)s::text IS NULL OR area = %(area)s)
          AND (%(series_key)s::integer IS NULL OR series_key = %(series_key)s)
          AND (%(after)s::text IS NULL OR series_id COLLATE "C" > %(after)s)
        ORDER BY series_id COLLATE "C" LIMIT %(limit)s
    )
    SELECT page.series_id, page.area, page.unit, count(score.origin) AS forecasts, {SCORES_ADDED_UP}
    FROM page LEFT JOIN score ON score.series_key = page.series_key AND {WINDOW}
    GROUP BY 1, 2, 3 ORDER BY page.series_id COLLATE "C"
"""  # noqa: S608

NEWEST = """
    SELECT max(origin) FROM score
    WHERE (%(series_key)s::integer IS NULL OR series_key = %(series_key)s)
      AND (%(before)s::timestamptz IS NULL OR origin < %(before)s)
"""


TABLE: Columns = {
    "level": TEXT, "area": TEXT, "series_id": TEXT, "unit": TEXT, "start": MOMENT, "end": MOMENT,
    "forecasts": COUNT, "hours": COUNT, "wape_percent": NUMBER, "mape_percent": NUMBER, "bias_percent": NUMBER,
    "coverage_percent": NUMBER, "weekly_naive_wape_percent": NUMBER, "daily_naive_wape_percent": NUMBER,
    "naive_wape_percent": NUMBER, "skill_percent": NUMBER, "verdict": TEXT,
}  # fmt: skip
"""Columns of accuracy as a table; `level` is overall, area or series."""


class Accuracy(BaseModel):
    """Figures over a window; null where there is nothing to divide by."""

    forecasts: int = Field(description="Forecasts whose 24 hours are over")
    hours: int = Field(description="Forecast hours whose actual is known")
    wape_percent: float | None = Field(description="Sum of |error| / sum of |actual|")
    mape_percent: float | None = Field(
        description="Mean of |error| / |actual|; an actual counts as at least a quarter of the usual level"
    )
    bias_percent: float | None = Field(description="Sum of errors / sum of |actual|; above 0: forecasts too high")
    coverage_percent: float | None = Field(description="Hours whose actual lies within p10 to p90; 80 is intended")
    weekly_naive_wape_percent: float | None = Field(
        description="WAPE of the same hour of the week before, on the hours for which it is known"
    )
    daily_naive_wape_percent: float | None = Field(
        description="WAPE of the same hour of the day before, on the same hours"
    )
    naive_wape_percent: float | None = Field(description="The lesser of the two: the better seasonal naive")
    skill_percent: float | None = Field(
        description="How much smaller the error is than that of the better naive, on the same hours; below 0: larger"
    )
    verdict: str = Field(description="The comparison with the seasonal naive as a sentence")


class SeriesAccuracy(Accuracy):
    """Accuracy of one series."""

    series_id: str
    area: str
    unit: str


class GroupAccuracy(Accuracy):
    """Accuracy of all series of a unit, or of those of one area."""

    unit: str = Field(description="Sums run over series of the same unit only")
    area: str | None = Field(description="The area; null for all")


class AccuracyReport(BaseModel):
    """Accuracy over a window of origins."""

    start: Utc | None = Field(description="First origin of the window, UTC; null where nothing is scored yet")
    end: Utc | None = Field(description="Newest scored origin of the window, UTC")
    overall: list[GroupAccuracy] = Field(description="All series, by unit")
    areas: list[GroupAccuracy] = Field(description="By area and unit")
    series: list[SeriesAccuracy] = Field(description="By series")
    next_cursor: str | None = Field(description="`cursor` of the next page of series; null on the last one")


class SeriesAccuracyReport(BaseModel):
    """Accuracy of one series over a window of origins."""

    start: Utc | None = Field(description="First origin of the window, UTC; null where nothing is scored yet")
    end: Utc | None = Field(description="Newest scored origin of the window, UTC")
    accuracy: SeriesAccuracy


@router.get("", summary="Accuracy of all series", response_model=AccuracyReport, responses=TABLES)
def list_accuracy(
    use: Use,
    request: Request,
    form: ChosenFormat,
    area: Area = None,
    days: Days = 7,
    end: End = None,
    limit: Annotated[int, Query(ge=1, le=5000, description="Series at most")] = 1000,
    cursor: Cursor = None,
) -> AccuracyReport | Response:
    """Accuracy overall, by area and by series, compared with the seasonal naive; of forecasts whose 24 hours are over.

    As a table they are rows of one form; `level` is overall, area or series. The next page is `next_cursor` in JSON,
    and the `Link` header with `rel="next"` in every format.
    """
    with use.database.connection() as connection:
        window = _window(connection, days, end, None)
        parameters = {**window, "area": area, "series_key": None, "after": cursor, "limit": limit + 1}
        with connection.cursor(row_factory=dict_row) as rows:
            groups = rows.execute(GROUPS, parameters).fetchall()
            series = rows.execute(BY_SERIES, parameters).fetchall()
    report = AccuracyReport(
        **window,
        overall=[GroupAccuracy(unit=g["unit"], area=None, **_figures(g)) for g in groups if g["all_areas"]],
        areas=[GroupAccuracy(unit=g["unit"], area=g["area"], **_figures(g)) for g in groups if not g["all_areas"]],
        series=[_series(row) for row in series[:limit]],
        next_cursor=series[limit - 1]["series_id"] if len(series) > limit else None,
    )
    headers = next_link(request, report.next_cursor)
    if form == "json":
        return Response(report.model_dump_json(), headers=headers, media_type=JSON)
    levels: dict[str, Sequence[Accuracy]] = {
        "overall": report.overall, "area": report.areas, "series": report.series,
    }  # fmt: skip
    lines = [_row(level, one, report) for level, figures in levels.items() for one in figures]
    return table_response(TABLE, lines, form, headers)


@router.get(
    "/{series_id:path}",
    summary="Accuracy of one series",
    response_model=SeriesAccuracyReport,
    responses=NOT_FOUND | TABLES,
)
def get_accuracy(
    use: Use, series_ids: SeriesIds, form: ChosenFormat, days: Days = 7, end: End = None
) -> SeriesAccuracyReport | Response:
    """Accuracy of one series, beside the seasonal naive; figures are null until a forecast's 24 hours are over."""
    with use.database.connection() as connection:
        key, _, _ = series_key_of(connection, series_ids)
        window = _window(connection, days, end, key)
        parameters = {**window, "area": None, "series_key": key, "after": None, "limit": 1}
        with connection.cursor(row_factory=dict_row) as rows:
            found = rows.execute(BY_SERIES, parameters).fetchall()
    report = SeriesAccuracyReport(**window, accuracy=_series(found[0]))
    return report if form == "json" else table_response(TABLE, [_row("series", report.accuracy, report)], form)


def _row(level: str, figures: Accuracy, report: AccuracyReport | SeriesAccuracyReport) -> list[Any]:
    """A row of `TABLE`."""
    values = {"level": level, "start": report.start, "end": report.end, **dict(figures)}
    return [values.get(name) for name in TABLE]


def _window(
    connection: psycopg.Connection, days: int, end: datetime | None, series_key: int | None
) -> dict[str, datetime | None]:
    before = None if end is None else _midnight(end) + DAY
    row = connection.execute(NEWEST, {"series_key": series_key, "before": before}).fetchone()
    newest: datetime | None = row[0] if row else None
    return {"start": _midnight(newest) - (days - 1) * DAY if newest else None, "end": newest}


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _series(row: Mapping[str, Any]) -> SeriesAccuracy:
    return SeriesAccuracy(series_id=row["series_id"], area=row["area"], unit=row["unit"], **_figures(row))


def _figures(sums: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `Accuracy` from the sums of table `score`."""

    def percent(part: str, whole: str) -> float | None:
        return 100 * float(sums[part]) / float(sums[whole]) if sums.get(whole) else None

    daily_is_better = (sums.get("daily_naive_error") or 0) < (sums.get("naive_error") or 0)
    better = "daily_naive_error" if daily_is_better else "naive_error"
    left_over = percent("model_error_where_naive", better)
    skill = None if left_over is None else 100 - left_over
    return {
        "forecasts": sums.get("forecasts") or 0,
        "hours": sums.get("hours") or 0,
        "wape_percent": percent("absolute_error", "absolute_actual"),
        "mape_percent": percent("percentage_error", "percentage_hours"),
        "bias_percent": percent("signed_error", "absolute_actual"),
        "coverage_percent": percent("covered", "hours"),
        "weekly_naive_wape_percent": percent("naive_error", "naive_actual"),
        "daily_naive_wape_percent": percent("daily_naive_error", "naive_actual"),
        "naive_wape_percent": percent(better, "naive_actual"),
        "skill_percent": skill,
        "verdict": verdict(skill),
    }


def verdict(skill_percent: float | None) -> str:
    """The comparison with the seasonal naive as a sentence."""
    if skill_percent is None:
        return "Not compared with the seasonal naive yet: no forecast has seen its 24 hours pass."
    if abs(skill_percent) < SAME_PERCENT:
        return "As good as the seasonal naive."
    word = "Better" if skill_percent > 0 else "Worse"
    return f"{word} than the seasonal naive by {abs(skill_percent):.0f} %."
