"""What weather is worth in a backtest, on a terminal."""

import math
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from trainer.backtest.ablation import Ablation, WeatherSlice
from trainer.weather_places import Proposal, Proposals, spoken

SERIES_SHOWN = 5
PLACES_SHOWN = 10


def print_ablation(console: Console, ablation: Ablation) -> None:
    """Print the errors with, without and with perfect weather."""
    table = Table(
        "", "hours", "without", "with", "perfect", "gain", "of the weather's forecast",
        title="WAPE by what is known of the weather",
    )  # fmt: skip
    shown = ablation.by_series[:SERIES_SHOWN] if len(ablation.by_series) > 1 else []
    for group in ([ablation.whole], ablation.by_lead, ablation.by_season, shown):
        for part in group:
            table.add_row(*_cells(part), end_section=part is group[-1])
    console.print(table)
    part = ablation.whole
    lines = [f"Weather takes away {_share(part.gain, 1)} of the error of day 1."]
    if math.isfinite(part.perfect):
        lines.append(f"{_share(part.of_the_weather, 1)} of what remains is due to errors of the weather's forecast.")
    if (more := len(ablation.by_series) - SERIES_SHOWN) > 0:
        lines.append(f"{more} more series are in the report.")
    if ablation.losing:
        names = ", ".join(f"{spoken(one.name)} {_share(-one.gain, 1)}" for one in ablation.losing[::-1][:SERIES_SHOWN])
        lines.append(
            f"{len(ablation.losing)} of {len(ablation.by_series)} series are worse with weather: {names}. Where that "
            "is more than chance, set their place to null."
        )
    console.print(" ".join(lines), markup=False, highlight=False, soft_wrap=True)


def chosen_lines(proposals: Proposals) -> Iterator[str]:
    """The chosen places, in sentences."""
    for one in proposals.each[:PLACES_SHOWN]:
        yield f"Place of {spoken(one.name)}: {place_text(one)}"
    if (more := len(proposals.each) - PLACES_SHOWN) > 0:
        yield f"... and {more} more; dayahead weather choose shows all"


def place_text(one: Proposal) -> str:
    """The place of a series or area in words."""
    if not one.locations:
        return f"none, since only {one.hours:,} hours are known"
    if not one.helps:
        return f"none helps (R2 {one.r2:.2f})"
    mean = "" if len(one.locations) == 1 else "mean of "
    return f"{mean}{', '.join(one.locations)} (R2 {one.r2:.2f})"


def _cells(part: WeatherSlice) -> list[str]:
    shares = [_share(part.without), _share(part.with_), _share(part.perfect)]
    return [spoken(part.name), f"{part.hours:,}", *shares, _share(part.gain, 1), _share(part.of_the_weather, 1)]


def _share(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}%}" if math.isfinite(value) else "-"
