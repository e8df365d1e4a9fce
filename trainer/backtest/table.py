"""A backtest as tables on a terminal."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from trainer.backtest.figures import Figures, Slice
from trainer.backtest.walk import Backtest

LEAD_GROUPS = ((1, 6), (7, 12), (13, 18), (19, 24))
WORST_SHOWN = 3


def print_backtest(console: Console, backtest: Backtest, figures: Figures) -> None:
    """Print the accuracy in total, by day of the horizon, area, lead and kind of day, and the worst series."""
    accuracy = figures.accuracy
    releases = [release.release_id for release in backtest.releases.values()]
    fitted = releases[0] if len(releases) == 1 else f"{len(releases)} fits"
    table = Table(
        "", "hours", "WAPE", "last day", "last week", "bias", "in 10-90 % band",
        title=f"{len(backtest.origins)} origins, {figures.series} series, {fitted}",
    )  # fmt: skip
    days = figures.by_horizon_day if len(figures.by_horizon_day) > 1 else []
    for group in ([figures.whole], days, figures.by_area, _lead_groups(figures.by_lead), figures.by_day):
        for part in group:
            table.add_row(*_cells(part), end_section=part is group[-1])
    console.print(table)
    if days:
        console.print("Day d of the horizon is leads 24(d - 1) + 1 to 24d; all other figures are of day 1.")
    better = "day" if accuracy.daily_is_better else "week"
    console.print(
        f"Skill over the better seasonal naive, the same hour of the last {better}: "
        f"{_share(accuracy.skill, 1)}. MAPE {_share(accuracy.mape)}. Pinball loss "
        f"{_share(accuracy.pinball)}. Mean WAPE of the series: {_share(figures.wape_series_mean)}.",
        highlight=False,
        soft_wrap=True,
    )
    if not accuracy.hours:
        console.print(
            "No forecast hour was observed, so that nothing is judged: choose an earlier --from.",
            highlight=False,
            soft_wrap=True,
        )
    if accuracy.hours and not math.isfinite(accuracy.wape):
        console.print(
            f"All {accuracy.hours:,} observed hours are 0, so that WAPE is not defined. Mean absolute error: "
            f"{figures.mean_absolute_error:.3g}, in the unit of the series.",
            highlight=False,
            soft_wrap=True,
        )
    rungs = ", ".join(f"{count:,} {meaning}" for meaning, count in figures.rungs.items())
    console.print(f"Rungs: {rungs}", highlight=False, soft_wrap=True)
    if figures.worst:
        worst = ", ".join(f"{series.name} {series.accuracy.wape:.1%}" for series in figures.worst[:WORST_SHOWN])
        console.print(f"Worst series, by WAPE: {worst}", markup=False, highlight=False, soft_wrap=True)


def _lead_groups(by_lead: Sequence[Slice]) -> list[Slice]:
    return [_mean(f"lead {first} to {last} h", by_lead[first - 1 : last]) for first, last in LEAD_GROUPS]


def _mean(name: str, slices: Sequence[Slice]) -> Slice:
    """Mean of slices of similar size."""
    known = [part for part in slices if part.hours]
    count = len(known) or float("nan")
    return Slice(
        name,
        sum(part.hours for part in known),
        sum(part.wape for part in known) / count,
        sum(part.bias for part in known) / count,
        sum(part.coverage for part in known) / count,
        sum(part.weekly_naive_wape for part in known) / count,
        sum(part.daily_naive_wape for part in known) / count,
        sum(part.naive_wape for part in known) / count,
    )


def _cells(part: Slice) -> list[str]:
    shares = [_share(part.wape), _share(part.daily_naive_wape), _share(part.weekly_naive_wape)]
    others = [_share(part.bias, sign="+"), _share(part.coverage, 1)]
    return [part.name, f"{part.hours:,}", *shares, *others]


def _share(value: float, digits: int = 2, sign: str = "") -> str:
    """A share as a percentage; a dash if unknown."""
    return f"{value:{sign}.{digits}%}" if math.isfinite(value) else "-"
