"""The questions that the API answers, one function each; docs/api.md says what the answers mean.

Moments must have a time zone; a day is a `date` or `today`, `tomorrow`. A query of many series is one page of them:
`Client.pages` asks for all pages.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal

from dayahead.client import answers
from dayahead.client.query import Query, get, in_path, post, text_of

Day = date | Literal["today", "tomorrow"]


def series(
    *, area: str | None = None, state: str | None = None, search: str | None = None, since: str | None = None
) -> Query[answers.SeriesList]:
    """The series, with newest hour, rung and state; `KeptList` asks for what has changed, by `since`."""
    return get("/v1/series", answers.SeriesList, area=area, state=state, search=search, since=since)


def one_series(series_id: str) -> Query[answers.SeriesDetail]:
    """One series with its source and the quality of its data."""
    return get(f"/v1/series/{in_path(series_id)}", answers.SeriesDetail)


def forecast(
    series_id: str,
    *,
    as_of: datetime | None = None,
    origin: datetime | None = None,
    quantiles: Sequence[float] | None = None,
    limit: float | None = None,
) -> Query[answers.ForecastAnswer]:
    """The newest forecast of a series, or that of a past moment.

    Args:
        series_id: label values joined by `/`.
        as_of: the newest one issued by then.
        origin: the one with exactly this origin.
        quantiles: further ones, 0.01 to 0.99.
        limit: in the unit of the series: adds the probability of each hour to be greater.
    """
    return get(
        f"/v1/forecasts/{in_path(series_id)}",
        answers.ForecastAnswer,
        as_of=as_of,
        origin=origin,
        quantiles=quantiles,
        limit=limit,
    )


def why(
    series_id: str, *, as_of: datetime | None = None, origin: datetime | None = None, since: datetime | None = None
) -> Query[answers.ForecastWhy]:
    """What made each hour of a forecast, and with `since` what changed since an earlier one."""
    path = f"/v1/forecasts/{in_path(series_id)}/why"
    return get(path, answers.ForecastWhy, as_of=as_of, origin=origin, since=since)


def weather(
    series_id: str, *, start: datetime | None = None, end: datetime | None = None, as_of: datetime | None = None
) -> Query[answers.SeriesWeather]:
    """The temperature that a series follows, with the run that it comes from."""
    return get(f"/v1/weather/{in_path(series_id)}", answers.SeriesWeather, start=start, end=end, as_of=as_of)


def next_hours(
    series_id: str,
    hours: int = 24,
    *,
    start: datetime | Literal["now"] = "now",
    quantiles: Sequence[float] | None = None,
    limit: float | None = None,
) -> Query[answers.HourValues]:
    """The forecast of the hours from now, or from another moment, on."""
    return get(
        f"/v1/forecasts/{in_path(series_id)}",
        answers.HourValues,
        from_=start,
        hours=hours,
        quantiles=quantiles,
        limit=limit,
    )


def forecasts(*, area: str | None = None, quantiles: Sequence[float] | None = None) -> Query[answers.ForecastPage]:
    """The newest forecasts of many series."""
    return get("/v1/forecasts", answers.ForecastPage, area=area, quantiles=quantiles)


def day(
    day: Day, series_id: str, *, as_of: datetime | None = None, quantiles: Sequence[float] | None = None
) -> Query[answers.DayAnswer]:
    """A day of the calendar of a series: forecast, observed values, peak."""
    path = f"/v1/days/{text_of(day)}/{in_path(series_id)}"
    return get(path, answers.DayAnswer, as_of=as_of, quantiles=quantiles)


def days(
    day: Day, *, area: str | None = None, as_of: datetime | None = None, quantiles: Sequence[float] | None = None
) -> Query[answers.DayPage]:
    """The same day of many series."""
    return get(f"/v1/days/{text_of(day)}", answers.DayPage, area=area, as_of=as_of, quantiles=quantiles)


def day_ahead(series_id: str, *, day: date | None = None, gate: str | None = None) -> Query[answers.DayAheadMessage]:
    """A day of a series as it was forecast at a gate; by default the newest."""
    return get(f"/v1/day-ahead/{in_path(series_id)}", answers.DayAheadMessage, day=day, gate=gate)


def day_aheads(
    *, area: str | None = None, day: date | None = None, gate: str | None = None
) -> Query[answers.DayAheadPage]:
    """The same day and gate of many series."""
    return get("/v1/day-ahead", answers.DayAheadPage, area=area, day=day, gate=gate)


def observations(
    series_id: str, *, start: datetime | None = None, end: datetime | None = None, as_of: datetime | None = None
) -> Query[answers.Observations]:
    """Hourly values of a series, by default its last week."""
    return get(f"/v1/observations/{in_path(series_id)}", answers.Observations, start=start, end=end, as_of=as_of)


def all_observations(
    *,
    area: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    as_of: datetime | None = None,
) -> Query[answers.ObservationPage]:
    """The same hours of many series."""
    return get("/v1/observations", answers.ObservationPage, area=area, start=start, end=end, as_of=as_of)


def accuracy(
    *,
    area: str | None = None,
    days: int | None = None,
    end: date | None = None,
    gate: str | None = None,
    horizon_day: int | None = None,
    since: str | None = None,
) -> Query[answers.AccuracyReport]:
    """Accuracy overall, by area and by series; `KeptList` asks for what has changed, by `since`."""
    return get(
        "/v1/accuracy",
        answers.AccuracyReport,
        area=area,
        days=days,
        end=end,
        gate=gate,
        horizon_day=horizon_day,
        since=since,
    )


def series_accuracy(
    series_id: str,
    *,
    days: int | None = None,
    end: date | None = None,
    gate: str | None = None,
    horizon_day: int | None = None,
) -> Query[answers.SeriesAccuracyReport]:
    """Accuracy of one series."""
    return get(
        f"/v1/accuracy/{in_path(series_id)}",
        answers.SeriesAccuracyReport,
        days=days,
        end=end,
        gate=gate,
        horizon_day=horizon_day,
    )


def accuracy_by_hour(
    series_id: str, *, days: int | None = None, end: date | None = None
) -> Query[answers.AccuracyByHour]:
    """Accuracy of one series by lead and by hour of the local day."""
    return get(f"/v1/accuracy-by-hour/{in_path(series_id)}", answers.AccuracyByHour, days=days, end=end)


def references() -> Query[answers.References]:
    """The forecasts of others that are compared with ours."""
    return get("/v1/reference-forecasts", answers.References)


def reference_forecasts(
    series_id: str, *, start: datetime | None = None, end: datetime | None = None, as_of: datetime | None = None
) -> Query[answers.SeriesReferences]:
    """What others forecast of a series."""
    path = f"/v1/reference-forecasts/{in_path(series_id)}"
    return get(path, answers.SeriesReferences, start=start, end=end, as_of=as_of)


def totals(source: str, *, total: str | None = None) -> Query[answers.TotalsReport]:
    """The totals of a source, or one of them, and which hours are incomplete."""
    return get(f"/v1/totals/{in_path(source)}", answers.TotalsReport, total=total)


def quality() -> Query[answers.Quality]:
    """Freshness and gaps by source."""
    return get("/v1/quality", answers.Quality)


def drift(
    *,
    area: str | None = None,
    kind: Literal["data", "concept"] | None = None,
    since: datetime | None = None,
    figures: bool | None = None,
) -> Query[answers.Drift]:
    """Series that changed, newest first; with `figures` what each was like before and is since."""
    return get("/v1/drift", answers.Drift, area=area, kind=kind, since=since, figures=figures)


def dead_letters(
    *, code: str | None = None, series_id: str | None = None, since: datetime | None = None
) -> Query[answers.DeadLetters]:
    """Rejected messages, newest first."""
    return get("/v1/dead-letters", answers.DeadLetters, code=code, series_id=series_id, since=since)


def dead_letter(offset: int) -> Query[answers.WholeLetter]:
    """One dead letter whole; needs the token."""
    return get(f"/v1/dead-letters/{offset}", answers.WholeLetter)


def models() -> Query[answers.Models]:
    """Champion, releases, promotions, trainings."""
    return get("/v1/models", answers.Models)


def reports(release: str) -> Query[answers.Reports]:
    """The reports of drift and accuracy of a release, newest first."""
    return get(f"/v1/releases/{in_path(release)}/reports", answers.Reports)


def report(number: int) -> Query[answers.Report]:
    """One report of drift and accuracy in numbers; a browser gets its page from the same address."""
    return get(f"/v1/reports/{number}", answers.Report)


def alerts() -> Query[answers.Alerts]:
    """The alerts that fire."""
    return get("/v1/alerts", answers.Alerts)


def services() -> Query[answers.Services]:
    """Which processes are up and ready."""
    return get("/v1/services", answers.Services)


def readiness() -> Query[answers.Health]:
    """Whether the API can answer, and the state of its servers."""
    return get("/health/ready", answers.Health)


def waiting_retunes() -> Query[answers.WaitingRequests]:
    """Requests for a new model that wait for the trainer."""
    return get("/v1/retune", answers.WaitingRequests)


def send_observations(
    source: str,
    rows: Iterable[tuple[str, datetime, float]],
    *,
    available_at: datetime | None = None,
    refresh: bool = True,
) -> Query[answers.TakenRows]:
    """Send hourly values of a registered source; needs the token.

    Sending the same rows again changes nothing, so that it is retried like a query that reads.

    Args:
        source: its name.
        rows: series_id, start of the hour, and value in the unit of the source.
        available_at: when the values count as published, by default now.
        refresh: whether forecasts are made from them; False to load history.
    """
    body: dict[str, object] = {
        "source": source,
        "refresh": refresh,
        "rows": [[series_id, text_of(hour), value] for series_id, hour, value in rows],
    }
    if available_at is not None:
        body["available_at"] = text_of(available_at)
    return post("/v1/observations", answers.TakenRows, body, is_repeatable=True)


def request_retune(reason: str, requested_by: str) -> Query[answers.RetuneRequest]:
    """Ask the trainer for a new model; needs the token."""
    wish = {"reason": reason, "requested_by": requested_by}
    return post("/v1/retune", answers.RetuneRequest, wish, is_repeatable=False)


def promote(release: str, reason: str, promoted_by: str) -> Query[answers.Promoted]:
    """Make a release the champion; needs the token."""
    wish = {"reason": reason, "promoted_by": promoted_by}
    return post(f"/v1/models/{in_path(release)}/promote", answers.Promoted, wish, is_repeatable=False)


def roll_back(reason: str, release: str | None = None) -> Query[answers.Promoted]:
    """Make the release before the champion serve again; needs the token.

    Args:
        reason: why.
        release: `rollback_to` as it was read; nothing is changed where a rollback would now lead elsewhere.
    """
    wish = {"reason": reason} if release is None else {"reason": reason, "release": release}
    return post("/v1/models/rollback", answers.Promoted, wish, is_repeatable=False)
