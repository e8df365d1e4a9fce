"""The promotion gate: the checks of a challenger, on hours that neither its fit nor its tuning saw."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer.scenarios import Scenario
from trainer.settings import GateSettings

BEATS_NAIVE, BEATS_CHAMPION = "beats_naive", "beats_champion"


@dataclass(frozen=True)
class DayFigures:
    """Accuracy of a day of the horizon after the first.

    Attributes:
        day: of the horizon; leads 24(day - 1) + 1 to 24 day.
        windows: number of forecasts with a known actual on that day.
        wape: of the release.
        naive_wape: of the better of the two naives that were known at the origin.
        skill: 1 - error of the release / error of the better naive, on the same hours.
        coverage: share of the hours within the 10-90 % band.
        by_model: whether the day's member forecasts it; else the profile (rung 3).
    """

    day: int
    windows: int
    wape: float
    naive_wape: float
    skill: float
    coverage: float
    by_model: bool


@dataclass(frozen=True)
class ScenarioFigures:
    """Accuracy of the forecasts of one scenario.

    All but `later_days` is about day 1 of the horizon.

    Attributes:
        windows: number of judged forecasts.
        wape: of the release: sum of absolute errors / sum of absolute actuals.
        series_wape: mean of the WAPE of each series.
        weekly_naive_wape: WAPE of the value one week before.
        daily_naive_wape: WAPE of the value one day before.
        naive_wape: the smaller of the two.
        skill: 1 - error of the release / error of the better naive, on the hours that all three forecast.
        coverage: share of the hours within the 10-90 % band.
        broken: number of forecasts that are not finite or whose quantiles cross, on any day.
        later_days: whole days 2, 3 … of the horizon that have held-out hours.
    """

    windows: int
    wape: float
    series_wape: float
    weekly_naive_wape: float
    daily_naive_wape: float
    naive_wape: float
    skill: float
    coverage: float
    broken: int
    later_days: tuple[DayFigures, ...] = ()

    @classmethod
    def nothing(cls) -> "ScenarioFigures":
        """The figures if no forecast could be judged."""
        nothing = math.nan
        return cls(0, nothing, nothing, nothing, nothing, nothing, nothing, nothing, 0)


Judgement = Mapping[Scenario, ScenarioFigures]
"""Figures of one release under each scenario."""


@dataclass(frozen=True)
class GateCheck:
    """One check of the gate.

    Attributes:
        name: of the check.
        passed: whether the challenger passed.
        detail: the numbers behind the result, in a sentence.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class GateDecision:
    """The decision of the gate and its checks."""

    checks: list[GateCheck]

    @property
    def passed(self) -> bool:
        """Whether the challenger may be promoted."""
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        failed = [check.detail for check in self.checks if not check.passed]
        decisive = [check.detail for check in self.checks if check.name in {BEATS_NAIVE, BEATS_CHAMPION}]
        return "; ".join(failed or decisive)


@dataclass(frozen=True)
class Comparison:
    """Challenger and champion on windows that neither was trained on.

    Attributes:
        champion: id of the champion.
        unseen_h: number of hours that neither was trained on.
        challenger_figures: by scenario; empty if there are too few hours.
        champion_figures: on the same windows.
        champion_follows_weather: whether the champion was fitted with weather.
    """

    champion: str
    unseen_h: int
    challenger_figures: Judgement
    champion_figures: Judgement
    champion_follows_weather: bool = True


def decide(
    challenger: Judgement,
    comparison: Comparison | None,
    withdrawn: bool,
    settings: GateSettings,
) -> GateDecision:
    """Run every check, also after one failed, so that the record is complete.

    Args:
        challenger: figures of the fit without the held-out hours.
        comparison: with the champion; None if there is none yet.
        withdrawn: whether this release was rolled back before.
        settings: the margins.
    """
    checks = [
        _enough_windows(challenger, settings),
        _beats_naive(challenger),
        _sound(challenger),
    ]
    if withdrawn:
        checks.append(GateCheck("not_withdrawn", False, "this release was rolled back before"))
    if comparison is not None:
        # The first release is compared only with the naive, which has no band.
        checks += [_covers(challenger, settings), *_beats_champion(comparison, settings)]
    return GateDecision(checks)


def _enough_windows(judged: Judgement, settings: GateSettings) -> GateCheck:
    windows = judged[Scenario.ALL_WELL].windows
    return GateCheck(
        "enough_windows",
        windows >= settings.least_windows,
        f"{windows} forecasts were judged on held-out hours, at least {settings.least_windows} are required",
    )


def _beats_naive(judged: Judgement) -> GateCheck:
    figures = judged[Scenario.ALL_WELL]
    return GateCheck(
        BEATS_NAIVE,
        figures.skill > 0,
        f"WAPE {figures.wape:.2%} on held-out hours, seasonal naive {figures.naive_wape:.2%} (the better of the same "
        f"hour of the last day, {figures.daily_naive_wape:.2%}, and of the last week, {figures.weekly_naive_wape:.2%})",
    )


def _sound(judged: Judgement) -> GateCheck:
    broken = {scenario: figures.broken for scenario, figures in judged.items() if figures.broken}
    counts = ", ".join(f"{count} under {scenario}" for scenario, count in broken.items())
    return GateCheck(
        "sound",
        not broken,
        f"forecasts that are not finite or whose quantiles cross: {counts or 'none'}",
    )


def _covers(judged: Judgement, settings: GateSettings) -> GateCheck:
    coverage = judged[Scenario.ALL_WELL].coverage
    return GateCheck(
        "coverage",
        settings.coverage_low <= coverage <= settings.coverage_high,
        f"{coverage:.1%} of the hours lie within the 10-90 % band, "
        f"{settings.coverage_low:.0%} to {settings.coverage_high:.0%} are allowed",
    )


def _beats_champion(comparison: Comparison, settings: GateSettings) -> Sequence[GateCheck]:
    if comparison.unseen_h < settings.least_unseen_h or not comparison.champion_figures:
        return [
            GateCheck(
                BEATS_CHAMPION,
                False,
                f"champion {comparison.champion} was trained on all but {comparison.unseen_h} of the held-out hours, "
                f"{settings.least_unseen_h} are needed for a fair comparison: wait for new hours",
            )
        ]
    checks = []
    for scenario, champion in comparison.champion_figures.items():
        challenger = comparison.challenger_figures[scenario]
        if scenario is Scenario.WRONG_PLACE and not comparison.champion_follows_weather:
            checks.append(_holds_by_the_naive(challenger, scenario))
            continue
        usual = scenario is Scenario.ALL_WELL
        margin = settings.margin if usual else settings.scenario_margin
        limit = champion.wape * (1 - margin)
        better = challenger.wape < limit if usual else challenger.wape <= limit
        checks.append(
            GateCheck(
                BEATS_CHAMPION if usual else f"holds_under_{scenario}",
                better and math.isfinite(challenger.wape),
                f"WAPE {challenger.wape:.2%} against {champion.wape:.2%} of {comparison.champion} on "
                f"{challenger.windows} windows that neither was trained on ({scenario.meaning}); "
                f"the limit is {limit:.2%}",
            )
        )
    return [*checks, _holds_on_later_days(comparison, settings)]


def _holds_by_the_naive(challenger: ScenarioFigures, scenario: Scenario) -> GateCheck:
    """Compare a fault that the champion does not know: weather of the wrong place is nothing to it."""
    return GateCheck(
        f"holds_under_{scenario}",
        challenger.skill > 0,
        f"WAPE {challenger.wape:.2%} against {challenger.naive_wape:.2%} of the better seasonal naive "
        f"({scenario.meaning}); the champion follows no weather",
    )


def _holds_on_later_days(comparison: Comparison, settings: GateSettings) -> GateCheck:
    """Compare the days of the horizon after the first; days that only one of the two was judged on do not count."""
    ours = {one.day: one for one in comparison.challenger_figures[Scenario.ALL_WELL].later_days}
    theirs = {one.day: one for one in comparison.champion_figures[Scenario.ALL_WELL].later_days}
    worse, compared = [], []
    for day in sorted(ours.keys() & theirs.keys()):
        wape, limit = ours[day].wape, theirs[day].wape * (1 - settings.scenario_margin)
        if math.isfinite(wape) and math.isfinite(limit):
            text = f"day {day} {wape:.2%} against {theirs[day].wape:.2%}"
            compared.append(text)
            if wape > limit:
                worse.append(text)
    by_how_much = f"{abs(settings.scenario_margin):.1%} {'worse' if settings.scenario_margin < 0 else 'better'}"
    return GateCheck(
        "holds_on_later_days",
        not worse,
        f"WAPE of later days of the horizon against {comparison.champion}, of which each must be "
        f"{'no more than ' if settings.scenario_margin < 0 else 'at least '}{by_how_much}: "
        + (", ".join(worse or compared) or "no later day has held-out hours of both"),
    )
