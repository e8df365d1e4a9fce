"""How soon drift is found, and how often on quiet data: `make benchmark B=drift`.

Real hours are changed from a random hour on, and judged day by day as the worker judges them: inputs from what was
observed, errors from forecasts that a release makes at every origin, fitted on the first part of the data. Thresholds
were chosen on `tuning` (GEFCom2012, ten zones, 500 days); figures are stated on `stated` (PJM, ten zones, a year), with
`--weather` on `later` (the days of GEFCom2012 after those of `tuning`): PJM has no temperatures.
A change counts as found within so many days where a detector fires at the end of a day, at most so long after it began.
Prints sentences, then a JSON line a part.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import orjson
import pyarrow.parquet as pq
import typer
from numpy.typing import NDArray

from benchmarks.accuracy_protocols import DATA, DataAbsentError, pjm_history
from dayahead.contracts import DriftKind
from dayahead.drift.days import BACK_DAYS, DAY_H
from dayahead.evaluation.backtest import forecast_origin
from dayahead.features.calendar import Calendar
from dayahead.hours import Hour
from dayahead.models.fitting.fit import fit_release
from dayahead.models.history import History
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.settings import ModelSettings
from dayahead.storage.tables.drift_watched import DueSeries, WatchedValues
from dayahead.weather.choice import choose
from stream.drift.detecting import (
    ADJUSTED_LEVEL,
    ADJUSTED_PATTERN,
    ADJUSTED_SPREAD,
    ERROR,
    LEVEL,
    LOOKBACK_DAYS,
    PATTERN,
    SPREAD,
    WINDOW_DAYS,
)
from stream.drift.thermal import HourlyTemperature
from stream.drift.watch import judge_series

FIT_DAYS = 500
SEED = 1
AFTER_DAYS = 8
"""Days after a change within which it may be found."""
DAYS_YEAR = 365.25
BACK_H = (LOOKBACK_DAYS + BACK_DAYS) * DAY_H
MEASURES = (LEVEL, SPREAD, PATTERN)

Change = Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.float64]]
"""Makes other hours of those after a change, and of 24 more."""


def _noisy(hours: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """The same days, each hour off by a fifth: the level stays, the error does not."""
    return np.asarray(hours[:-DAY_H] * (1 + 0.2 * rng.standard_normal(len(hours) - DAY_H)))


CHANGES: dict[str, Change] = {
    "level x3": lambda hours, _: 3 * hours[:-DAY_H],
    "level x1.5": lambda hours, _: 1.5 * hours[:-DAY_H],
    "level x0.5": lambda hours, _: 0.5 * hours[:-DAY_H],
    "pattern shifted by 6 h": lambda hours, _: hours[6 : 6 - DAY_H],
    "noise of 20 %": _noisy,
}


@dataclass(frozen=True)
class Part:
    """Data of one part.

    Attributes:
        name: of the part.
        history: all hours.
        first: hour from which on is measured; a release is fitted on what is before.
        last: hour after the last.
        temperature: float32 [series, hours] of the same hours as the history, at the places that were chosen on what
            is before `first`; None where the data have none.
    """

    name: str
    history: History
    first: Hour
    last: Hour
    temperature: NDArray[np.float32] | None = None


def tuning() -> Part:
    """Ten zones of GEFCom2012; the copies of one shape are left out."""
    path = DATA / "gefcom2012_load_temperature.parquet"
    if not path.exists():
        raise DataAbsentError(f"{path} is absent: set DAYAHEAD_TEST_DATA to the folder that has it")
    table = pq.read_table(path)
    start = int(table["hour_local"][0].as_py().timestamp() // 3600) // DAY_H * DAY_H
    names = [f"zone_{zone}" for zone in (1, 3, 4, 5, 8, 9, 10, 12, 18, 20)]
    values = np.array([table[name].to_numpy().astype(np.float64) for name in names])
    stations = np.array([table[f"station_{one}_c"].to_numpy().astype(np.float32) for one in range(1, 12)])
    learnt = FIT_DAYS * DAY_H
    places = choose(values[:, :learnt], stations[:, :learnt])
    temperature = np.array([stations[list(place.locations)].mean(axis=0) for place in places])
    history = History(tuple(names), start, values, (Calendar("UTC", "US"),))
    first = start + learnt
    return Part("tuning", history, first, first + 500 * DAY_H, temperature)


def later() -> Part:
    """The same zones on the days after those of `tuning`, on which nothing was chosen."""
    part = tuning()
    hours = part.history.values.shape[1] // DAY_H * DAY_H
    first = part.last - BACK_H
    return replace(part, name="later", first=first, last=part.history.start + hours)


def stated() -> Part:
    """Ten zones of PJM, a year."""
    history = pjm_history()
    first = (history.start // DAY_H + 2 + FIT_DAYS) * DAY_H
    return Part("stated", history, first, first + 365 * DAY_H)


PARTS = {"tuning": tuning, "stated": stated, "later": later}


def main(
    part: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(PARTS)}; repeatable")] = None,
    cases: Annotated[int, typer.Option(min=1, help="Changes of each kind")] = 60,
    *,
    errors: Annotated[bool, typer.Option(help="Watch errors too: a fit and many forecasts, some minutes")] = True,
    weather: Annotated[bool, typer.Option(help="Take the effect of the temperature off the inputs")] = False,
) -> None:
    """Measure detection delay and false alarms."""
    for name in part or ["tuning", "stated"]:
        data = PARTS[name]()
        if not weather:
            data = replace(data, temperature=None)
        elif data.temperature is None:
            raise typer.BadParameter(f"the data of {name} have no temperatures: use tuning or later")
        forecaster = None
        if errors:
            learnt = data.history.until(data.first).since(data.first - FIT_DAYS * DAY_H)
            forecaster = Forecaster(fit_release(learnt, ModelSettings(), SEED))
        judge = _Judge(data, forecaster)
        line: dict[str, object] = {"part": name, "series": len(data.history.series_ids), "weather": weather}
        line["false_alarms_a_series_year"] = _false_alarms(judge)
        line["changes"] = {kind: _found(judge, change, cases) for kind, change in CHANGES.items()}
        _say(line)
        print(orjson.dumps(line).decode())


def _say(line: dict[str, object]) -> None:
    alarms, changes = line["false_alarms_a_series_year"], line["changes"]
    assert isinstance(alarms, dict)
    assert isinstance(changes, dict)
    rates = ", ".join(f"{rate:.2f} {detector}" for detector, rate in alarms.items())
    print(f"{line['part']}: on quiet data {rates} a series-year")
    for kind, found in changes.items():
        print(
            f"  {kind}: found within 3 days {found['within_3_days']:.0%}, 4 days {found['within_4_days']:.0%}, "
            f"8 days {found['within_8_days']:.0%}; median {found['median_days']} days; first by {found['first_by']}"
        )


class _Judge:
    """Judges days as the worker does.

    Attributes:
        data: the part.
        forecaster: makes the forecasts whose errors are watched; None watches inputs alone.
    """

    def __init__(self, data: Part, forecaster: Forecaster | None) -> None:
        self.data, self.forecaster = data, forecaster
        self._quiet = self._ratios(data.history, data.first, data.last) if forecaster else None

    def events(self, series: int, first: Hour, last: Hour) -> list[tuple[Hour, str]]:
        """The end of each day from `first` to `last` on which a detector fires, and the detector."""
        history, data = self.data.history, self.data
        found: list[tuple[Hour, str]] = []
        # the worker judges as many days at once, and takes those before for history
        for start in range(first, last, WINDOW_DAYS * DAY_H):
            end = min(start + WINDOW_DAYS * DAY_H, last)
            errors = None if self._quiet is None else self._quiet[series, : end - DAY_H - data.first]
            found += self._judge(series, history.values[series], errors, start, end)
        return found

    def changed(self, series: int, begun: Hour, last: Hour, after: NDArray[np.float64]) -> list[tuple[Hour, str]]:
        """The same, of a series whose hours from `begun` to `last` are others."""
        history, data = self.data.history, self.data
        values = np.concatenate([history.values[series, : begun - history.start], after])
        errors = None
        if self._quiet is not None:
            alone = History(history.series_ids[:1], history.start, values[None], history.calendars)
            known_until = begun - DAY_H
            before = self._quiet[series, : known_until - data.first]
            errors = np.concatenate([before, self._ratios(alone, known_until, last - DAY_H)[0]])
        return self._judge(series, values, errors, begun // DAY_H * DAY_H, last)

    def _judge(
        self, series: int, values: NDArray[np.float64], errors: NDArray[np.float64] | None, first: Hour, last: Hour
    ) -> list[tuple[Hour, str]]:
        """An error is known when the 24 hours of its forecast are: a day after its origin."""
        due, start = DueSeries(0, "", first, last), self.data.history.start
        since = first - BACK_H
        watched = _watched(since, values[since - start : last - start])
        at = None
        if self.data.temperature is not None:
            at = HourlyTemperature(start, self.data.temperature[series].astype(np.float64))
        inputs = judge_series(DriftKind.DATA, due, watched, at)
        found = [((one.hour // DAY_H + 1) * DAY_H, one.detector) for one in inputs]
        if errors is not None:
            due = replace(due, start=first - DAY_H, end=last - DAY_H)
            found += [
                ((one.hour // DAY_H + 2) * DAY_H, one.detector)
                for one in judge_series(DriftKind.CONCEPT, due, _watched(self.data.first, errors))
            ]
        return sorted(found)

    def _ratios(self, history: History, first: Hour, last: Hour) -> NDArray[np.float64]:
        """Error / actual of the forecasts of all series at every origin; [series, origins]."""
        assert self.forecaster is not None
        scores = [
            forecast_origin(origin, history=history, forecaster=self.forecaster).scores for origin in range(first, last)
        ]
        error = np.array([one.absolute_error for one in scores]).T
        actual = np.array([one.absolute_actual for one in scores]).T
        return np.asarray(np.divide(error, actual, out=np.full(error.shape, np.nan), where=actual > 0))


def _watched(first: Hour, values: NDArray[np.float64]) -> WatchedValues:
    known = np.isfinite(values)
    return WatchedValues(first + np.flatnonzero(known), values[known])


def _false_alarms(judge: _Judge) -> dict[str, float]:
    data = judge.data
    inputs = (ADJUSTED_LEVEL, ADJUSTED_SPREAD, ADJUSTED_PATTERN) if data.temperature is not None else MEASURES
    count: dict[str, int] = {measure.detector: 0 for measure in inputs}
    if judge.forecaster:
        count[ERROR.detector] = 0
    for series in range(len(data.history.series_ids)):
        for _, detector in judge.events(series, data.first + BACK_H, data.last):
            count[detector] += 1
    years = len(data.history.series_ids) * (data.last - data.first - BACK_H) / DAY_H / DAYS_YEAR
    return {detector: round(number / years, 2) for detector, number in count.items()}


def _found(judge: _Judge, change: Change, cases: int) -> dict[str, object]:
    """Change series from random hours on, and see when a detector fires first."""
    rng = np.random.default_rng(SEED)
    data, history = judge.data, judge.data.history
    delays: list[float] = []
    first_by: dict[str, int] = {}
    for case in range(cases):
        series = case % len(history.series_ids)
        begun = int(rng.integers(data.first + BACK_H, data.last - (AFTER_DAYS + 2) * DAY_H))
        end = begun // DAY_H * DAY_H + (AFTER_DAYS + 1) * DAY_H
        after = history.values[series, begun - history.start : end + DAY_H - history.start]
        found = judge.changed(series, begun, end, change(after, rng))
        delays.append((found[0][0] - begun) / DAY_H if found else np.inf)
        if found:
            first_by[found[0][1]] = first_by.get(found[0][1], 0) + 1
    waited = np.array(delays)
    median = float(np.median(waited))
    return {
        "cases": cases,
        **{f"within_{days}_days": round(float(np.mean(waited <= days)), 3) for days in (2, 3, 4, AFTER_DAYS)},
        "median_days": round(median, 1) if np.isfinite(median) else None,
        "first_by": dict(sorted(first_by.items())),
    }


if __name__ == "__main__":
    typer.run(main)
