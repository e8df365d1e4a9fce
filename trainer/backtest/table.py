"""A backtest as tables on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from trainer.backtest.figures import Figures, Slice
from trainer.backtest.walk import Backtest

LEAD_GROUPS = ((1, 6), (7, 12), (13, 18), (19, 24))
WORST_SHOWN = 3


def print_backtest(console: Console, backtest: Backtest, figures: Figures) -> None:
    """Accuracy in all, by area, by lead, by kind of day; the worst series."""
    accuracy = figures.accuracy
    releases = [release.release_id for release in backtest.releases.values()]
    fitted = releases[0] if len(releases) == 1 else f"{len(releases)} fits"
    table = Table(
        "", "hours", "WAPE", "naive", "bias", "in 10-90 % band",
        title=f"{len(backtest.origins)} origins, {figures.series} series, {fitted}",
    )  # fmt: skip
    whole = Slice("all", accuracy.hours, accuracy.wape, accuracy.bias, accuracy.coverage, accuracy.naive_wape)
    for group in ([whole], figures.by_area, _lead_groups(figures.by_lead), figures.by_day):
        for part in group:
            table.add_row(*_cells(part), end_section=part is group[-1])
    console.print(table)
    console.print(
        f"Skill over the seasonal naive: {accuracy.skill:.1%}. MAPE {accuracy.mape:.2%}. Pinball loss "
        f"{accuracy.pinball:.2%}. Mean over the series of each one's WAPE: {figures.wape_series_mean:.2%}.",
        highlight=False,
        soft_wrap=True,
    )
    told = ", ".join(f"{count:,} {meaning}" for meaning, count in figures.rungs.items())
    console.print(f"Rungs: {told}", highlight=False, soft_wrap=True)
    worst = ", ".join(f"{series.name} {series.accuracy.wape:.1%}" for series in figures.worst[:WORST_SHOWN])
    console.print(f"Worst series, by WAPE: {worst}", markup=False, highlight=False, soft_wrap=True)


def _lead_groups(by_lead: Sequence[Slice]) -> list[Slice]:
    return [_mean(f"lead {first} to {last} h", by_lead[first - 1 : last]) for first, last in LEAD_GROUPS]


def _mean(name: str, slices: Sequence[Slice]) -> Slice:
    """Slices of nearly as many hours each, taken together."""
    known = [part for part in slices if part.hours]
    count = len(known) or float("nan")
    return Slice(
        name,
        sum(part.hours for part in known),
        sum(part.wape for part in known) / count,
        sum(part.bias for part in known) / count,
        sum(part.coverage for part in known) / count,
        sum(part.naive_wape for part in known) / count,
    )


def _cells(part: Slice) -> list[str]:
    naive = f"{part.naive_wape:.2%}" if part.naive_wape == part.naive_wape else ""
    return [part.name, f"{part.hours:,}", f"{part.wape:.2%}", naive, f"{part.bias:+.2%}", f"{part.coverage:.1%}"]
