"""`/v1/accuracy`: accuracy of the forecasts of the last days, compared with the seasonal naive."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.backends import Use
from api.changes import REPLACED, VERSION, Since, Stretch, changes_of, page_response
from api.edge.route import resource
from api.parameters import Area, Cursor, GateTime, Moment, SeriesIds, Utc, check_area, check_gate, series_key_of
from api.problems import NOT_FOUND
from api.resources.reference_accuracy import ReferenceAccuracy, references_of
from api.tables import COUNT, MOMENT, NUMBER, TABLES, TEXT, ChosenFormat, Columns, next_link, table_response
from dayahead.horizon import MAX_DAYS
from dayahead.storage.tables.accuracy_day import read_group_sums
from dayahead.storage.tables.day_ahead_score import newest_gate_windows, read_gate_group_sums, read_gate_series_sums
from dayahead.storage.tables.reference_day_score import read_gate_reference_sums
from dayahead.storage.tables.reference_score import read_reference_sums
from dayahead.storage.tables.score import ACCURACY_DAYS, AddedScores, newest_windows, read_series_sums

router = resource("/v1/accuracy", "accuracy")

DECIMALS = 6
"""Decimals of percentages."""

SAME_PERCENT = 0.5
"""Smaller differences are not significant."""

FEWEST_FORECASTS = 7
"""Minimum for a comparison with the seasonal naive: one forecast of a small value can be worse by thousands of percent.
A source that publishes once a day reaches it in a week."""

Days = Annotated[int, Query(ge=1, le=366, description="Number of UTC days of origins, including the day of `end`")]
End = Annotated[
    Moment | None,
    Query(description="A moment on the last UTC day; each source ends at its newest scores up to it"),
]

HorizonDay = Annotated[
    int,
    Query(
        ge=1,
        le=MAX_DAYS,
        description="Day of the horizon: day d is leads 24(d - 1) + 1 to 24d. A source has no scores of days after its "
        "horizon",
    ),
]

TABLE: Columns = {
    "level": TEXT, "area": TEXT, "series_id": TEXT, "unit": TEXT, "start": MOMENT, "end": MOMENT,
    "horizon_day": COUNT, "forecasts": COUNT, "hours": COUNT, "wape_percent": NUMBER, "mape_percent": NUMBER,
    "bias_percent": NUMBER, "coverage_percent": NUMBER, "weekly_naive_wape_percent": NUMBER,
    "daily_naive_wape_percent": NUMBER, "naive_wape_percent": NUMBER, "skill_percent": NUMBER, "compared": COUNT,
    "verdict": TEXT, "source": TEXT, "first_lead": COUNT, "last_lead": COUNT, "dayahead_wape_percent": NUMBER,
    "mase": NUMBER,
}  # fmt: skip
"""Columns of accuracy as a table; `level` is overall, area, series or reference, `compared` 1 or 0.

A row of a reference, and one of each of its ranges of leads, has the figures of the reference, and those of our
forecasts on the same hours in `dayahead_wape_percent`.
"""


class Accuracy(BaseModel):
    """Accuracy over a window; null where it is undefined."""

    start: Utc | None = Field(
        description="First origin of the window, or with `gate` the start of its first day, UTC; null if nothing is "
        "scored yet"
    )
    end: Utc | None = Field(
        description="Newest scored origin of the window, or with `gate` the start of its newest day, UTC"
    )
    horizon_day: int | None = Field(
        description="Day of the horizon that all figures are of: leads 24(d - 1) + 1 to 24d; null with `gate`"
    )
    forecasts: int = Field(description="Forecasts whose 24 hours of that day are over. With `gate` days")
    hours: int = Field(description="Forecast hours with a known actual")
    wape_percent: float | None = Field(description="Sum of |error| / sum of |actual|")
    mape_percent: float | None = Field(
        description="Mean of |error| / |actual|; an actual counts as at least a quarter of the usual level"
    )
    bias_percent: float | None = Field(description="Sum of errors / sum of |actual|; above 0: forecasts too high")
    mase: float | None = Field(
        description="Sum of |error| / sum of the better naive's on the same hours; below 1: smaller error"
    )
    coverage_percent: float | None = Field(description="Hours whose actual lies within p10 to p90; 80 is intended")
    weekly_naive_wape_percent: float | None = Field(
        description="WAPE of the newest same hour of the week that was known at the origin, where there is one"
    )
    daily_naive_wape_percent: float | None = Field(
        description="WAPE of the newest same hour of the day that was known at the origin, on the same hours"
    )
    naive_wape_percent: float | None = Field(description="The smaller of the two: the better seasonal naive")
    skill_percent: float | None = Field(
        description="Reduction of the error against the better naive, on the same hours; below 0: larger error"
    )
    compared: bool = Field(
        description=f"Whether there are enough forecasts for a meaningful skill: {FEWEST_FORECASTS} or more"
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


class AccuracySummary(BaseModel):
    """Accuracy of all series together and by area, and of others on the same hours."""

    start: Utc | None = Field(description="First origin of the earliest window, UTC; null if nothing is scored yet")
    end: Utc | None = Field(description="Newest scored origin of the newest window, UTC")
    days: int = Field(description="UTC days of origins in each window")
    overall: list[GroupAccuracy] = Field(description="All series, by unit")
    areas: list[GroupAccuracy] = Field(description="By area and unit")
    references: list[ReferenceAccuracy] = Field(
        description="Forecasts of others, such as grid operators, in comparison with ours on the same hours"
    )


class AccuracyReport(AccuracySummary):
    """Accuracy over one window of origins per source: its newest days with scores."""

    series: list[SeriesAccuracy] = Field(description="By series: all of the page, with `since` those in `replaced`")
    next_cursor: str | None = Field(description="`cursor` of the next page of series; null on the last one")
    version: str = Field(description=VERSION)
    replaced: list[Stretch] = Field(description=REPLACED)


class SeriesAccuracyReport(BaseModel):
    """Accuracy of one series over a window of origins."""

    start: Utc | None = Field(description="First origin of the window, UTC; null if nothing is scored yet")
    end: Utc | None = Field(description="Newest scored origin of the window, UTC")
    accuracy: SeriesAccuracy
    references: list[ReferenceAccuracy] = Field(
        description="Forecasts of others, such as the grid operator, in comparison with ours on the same hours"
    )


@router.get("", summary="Accuracy of all series", response_model=AccuracyReport, responses=NOT_FOUND | TABLES)
def list_accuracy(
    use: Use,
    request: Request,
    form: ChosenFormat,
    area: Area = None,
    days: Days = ACCURACY_DAYS,
    end: End = None,
    gate: GateTime = None,
    horizon_day: HorizonDay = 1,
    limit: Annotated[int, Query(ge=1, le=5000, description="Maximum number of series")] = 1000,
    cursor: Cursor = None,
    since: Since = None,
) -> Response:
    """Accuracy overall, by area and by series, compared with the seasonal naive.

    Figures are of one day of the horizon of each forecast: `horizon_day=2` is hours 25 to 48 after the origin. With
    `gate`, they are of the days of the calendar as they were forecast at it on the day before, and `horizon_day` has no
    effect. As a table, all rows have the same columns; `level` is overall, area, series, or reference for the forecasts
    of others: `source` is the reference, `wape_percent` its figure, `dayahead_wape_percent` ours. The next page is
    `next_cursor` in JSON, and the `Link` header with `rel="next"` in every format. With `since`, only series whose
    figures have changed; a table has all of them.
    """
    with use.database.connection() as connection:
        check_area(connection, area)
        check_gate(connection, gate)
        if gate is None:
            windows = newest_windows(connection, days, end=end, horizon_day=horizon_day)
            groups = read_group_sums(connection, windows, area, horizon_day)
            series = read_series_sums(connection, windows, limit + 1, area=area, after=cursor, horizon_day=horizon_day)
            references = read_reference_sums(connection, windows, area=area, horizon_day=horizon_day)
        else:
            windows = newest_gate_windows(connection, gate, days, end=end)
            groups = read_gate_group_sums(connection, gate, windows, area)
            series = read_gate_series_sums(connection, gate, windows, limit + 1, area=area, after=cursor)
            references = read_gate_reference_sums(connection, gate, windows, area=area)
    day = None if gate else horizon_day
    summary = AccuracySummary(
        start=min((window.start for window in windows), default=None),
        end=max((window.end for window in windows), default=None),
        days=days,
        overall=[_group(one, day) for one in groups if one.area is None],
        areas=[_group(one, day) for one in groups if one.area is not None],
        references=references_of(references),
    )
    by_series = [_series(one, day) for one in series[:limit]]
    next_cursor = by_series[-1].series_id if len(series) > limit else None
    headers = next_link(request, next_cursor)
    if form == "json":
        items = [(one.series_id, one.model_dump_json().encode()) for one in by_series]
        fields = {**summary.model_dump(mode="json"), "next_cursor": next_cursor}
        return page_response("series", changes_of(items, since, cursor, next_cursor), fields, headers)
    levels: dict[str, Sequence[Accuracy]] = {
        "overall": summary.overall, "area": summary.areas, "series": by_series,
    }  # fmt: skip
    lines = [_row(level, one) for level, figures in levels.items() for one in figures]
    lines += _reference_rows(summary.references, day, area=area)
    return table_response(TABLE, lines, form, headers)


@router.get(
    "/{series_id:path}",
    summary="Accuracy of one series",
    response_model=SeriesAccuracyReport,
    responses=NOT_FOUND | TABLES,
)
def get_accuracy(
    use: Use,
    series_ids: SeriesIds,
    form: ChosenFormat,
    days: Days = ACCURACY_DAYS,
    end: End = None,
    gate: GateTime = None,
    horizon_day: HorizonDay = 1,
) -> SeriesAccuracyReport | Response:
    """Accuracy of one series and of the seasonal naive; figures are null until a forecast's first 24 hours are over.

    With `gate`, of the days of the calendar as they were forecast at it on the day before.
    """
    with use.database.connection() as connection:
        key, series_id, _ = series_key_of(connection, series_ids)
        check_gate(connection, gate)
        if gate is None:
            windows = newest_windows(connection, days, end=end, series_key=key, horizon_day=horizon_day)
            [found] = read_series_sums(connection, windows, 1, series_key=key, horizon_day=horizon_day)
            references = read_reference_sums(connection, windows, series_key=key, horizon_day=horizon_day)
        else:
            windows = newest_gate_windows(connection, gate, days, end=end, series_key=key)
            [found] = read_gate_series_sums(connection, gate, windows, 1, series_key=key)
            references = read_gate_reference_sums(connection, gate, windows, series_key=key)
    report = SeriesAccuracyReport(
        start=found.start,
        end=found.end,
        accuracy=_series(found, None if gate else horizon_day),
        references=references_of(references),
    )
    if form == "json":
        return report
    others = _reference_rows(report.references, report.accuracy.horizon_day, series_id=series_id)
    return table_response(TABLE, [_row("series", report.accuracy), *others], form)


def _row(level: str, figures: Accuracy) -> list[Any]:
    """A row of `TABLE`, in which `compared` is 1 or 0."""
    values = {"level": level, **dict(figures), "compared": int(figures.compared)}
    return [values.get(name) for name in TABLE]


def _reference_rows(
    references: Sequence[ReferenceAccuracy], horizon_day: int | None, **about: str | None
) -> list[list[Any]]:
    """Rows of `TABLE`: each reference as a whole, then by ranges of leads."""
    rows = []
    for one in references:
        shared = {"level": "reference", "source": one.source, "unit": one.unit, "horizon_day": horizon_day, **about}
        parts = ({**dict(one), "compared": 1}, *map(dict, one.leads))
        rows += [[{**shared, **values}.get(name) for name in TABLE] for values in parts]
    return rows


def _series(added: AddedScores, horizon_day: int | None) -> SeriesAccuracy:
    figures = _figures(added, horizon_day)
    return SeriesAccuracy(series_id=added.series_id, area=added.area, unit=added.unit, **figures)


def _group(added: AddedScores, horizon_day: int | None) -> GroupAccuracy:
    return GroupAccuracy(unit=added.unit, area=added.area, **_figures(added, horizon_day))


def _figures(added: AddedScores, horizon_day: int | None) -> dict[str, Any]:
    """The fields of `Accuracy` from the sums of the scores of a day of the horizon."""
    # the database sums in any order: without rounding, the last digits and so the ETag would vary
    figures = added.figures()
    percent = {
        f"{name}_percent": None if figure is None else round(100 * figure, DECIMALS) for name, figure in figures.items()
    }
    mase = figures["mase"]
    skill = percent["skill_percent"]
    return {
        "start": added.start,
        "end": added.end,
        "horizon_day": horizon_day,
        "forecasts": added.forecasts,
        "hours": int(added.sums["hours"] or 0),
        **{name: percent[name] for name in Accuracy.model_fields if name in percent},
        "mase": None if mase is None else round(mase, DECIMALS),
        "compared": skill is not None and added.forecasts >= FEWEST_FORECASTS,
        "verdict": verdict(skill, added.forecasts),
    }


def verdict(skill_percent: float | None, forecasts: int) -> str:
    """The comparison with the seasonal naive as a sentence."""
    if skill_percent is None:
        return "Not compared with the seasonal naive yet: no forecast has matured (its first 24 hours must be over)."
    if forecasts < FEWEST_FORECASTS:
        return (
            "Not compared with the seasonal naive yet: "
            f"{forecasts} of {FEWEST_FORECASTS} forecasts have matured (their first 24 hours are over)."
        )
    if abs(skill_percent) < SAME_PERCENT:
        return "As good as the seasonal naive."
    word = "Better" if skill_percent > 0 else "Worse"
    return f"{word} than the seasonal naive by {abs(skill_percent):.0f} %."
