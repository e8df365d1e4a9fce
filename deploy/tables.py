"""Tables and sentences of `dayahead up` and `status`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table

from dayahead.contracts import Rung
from dayahead.hours import format_utc
from deploy.overview import AccuracyOverview, Overview, SeriesOverview

SHOWN_HOURS = (0, 11, 23)
"""Hours after the one that it is now."""

RUNNING = "RUNNING"


@dataclass(frozen=True)
class ProcessRow:
    """A process of the stack.

    Attributes:
        state: of supervisord, in lower case.
        since: its uptime, or why it is not running.
        says: its answer on /health/ready; empty for servers.
    """

    name: str
    state: str
    since: str
    ready: bool
    says: str


def forecasts_table(overview: Overview, count: int = 6) -> Table:
    """Some forecasts, spread evenly over the series: p50 at a few hours from now on, with the band of the last."""
    series = [one for one in overview.series if one.p50]
    chosen = [series[index * len(series) // count] for index in range(count)] if len(series) > count else series
    title = f"{len(chosen)} of {len(series)} forecasts"
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("series", no_wrap=True)
    table.add_column("now (UTC)", no_wrap=True)
    for hour in SHOWN_HOURS:
        table.add_column(f"+{hour} h" if hour else "now", justify="right", no_wrap=True)
    table.add_column(f"80 % band, +{SHOWN_HOURS[-1]} h", justify="right", no_wrap=True)
    table.add_column("rung", justify="right")
    for one in chosen:
        table.add_row(*_forecast_cells(one))
    return table


def _forecast_cells(one: SeriesOverview) -> list[str]:
    last = one.place_of(SHOWN_HOURS[-1])
    return [
        one.status.series_id,
        f"{one.status.source_now:%Y-%m-%d %H}h",
        *("-" if (place := one.place_of(hour)) is None else f"{one.p50[place]:,.0f}" for hour in SHOWN_HOURS),
        "-" if last is None else f"{one.p10[last]:,.0f}-{one.p90[last]:,.0f} {one.status.unit}",
        str(one.status.rung),
    ]


def accuracy_sentence(accuracy: AccuracyOverview) -> str:
    """The WAPE compared with the seasonal naive, or why there is none yet."""
    if accuracy.wape is None:
        return "Accuracy: no forecast has matured yet (its first 24 hours must have been observed)."
    counted = f"{accuracy.forecasts:,} matured forecasts, {accuracy.hours:,} hours"
    measured = f"Accuracy of the last {accuracy.days} days ({counted}): WAPE {accuracy.wape:.2%}"
    coverage = f"; {accuracy.coverage:.0%} of hours within p10 to p90" if accuracy.coverage is not None else ""
    if accuracy.skill is None or accuracy.naive_wape is None:
        return f"{measured}{coverage}."
    compared = f"{abs(accuracy.skill):.0%} {'less' if accuracy.skill >= 0 else 'MORE'} error than the seasonal naive"
    return f"{measured}, seasonal naive {accuracy.naive_wape:.2%} ({compared}){coverage}."


def rungs_sentence(overview: Overview) -> str:
    """Number of series by rung, of stale ones, and of those whose forecast is expired."""
    parts = []
    for rung, count in overview.by_rung.items():
        meaning = "no forecast yet" if rung is None else f"rung {rung} ({Rung(rung).meaning.rstrip('.')})"
        parts.append(f"{count} on {meaning}" if rung is not None else f"{count} with {meaning}")
    unfit = f"{overview.stale} stale, {overview.expired} expired"
    return f"Series: {len(overview.series)} known; {', '.join(parts) or 'none'}; {unfit}."


def freshness_sentence(overview: Overview) -> str:
    """Newest hours of the series and the champion."""
    hours = [one.status.newest_hour for one in overview.series if one.status.newest_hour]
    if not hours:
        return "Freshness: no hour has been observed yet."
    span = (
        format_utc(max(hours)) if min(hours) == max(hours) else f"{format_utc(min(hours))} to {format_utc(max(hours))}"
    )
    return f"Freshness: newest hour of the series {span}; release in force: {overview.champion or 'none yet'}."


def lag_sentence(lag: Mapping[int, int]) -> str:
    """Lag of the workers."""
    waiting = {partition: count for partition, count in lag.items() if count}
    if not waiting:
        return f"Lag: 0 messages wait in {len(lag)} partitions of observations."
    parts = ", ".join(f"partition {partition}: {count:,}" for partition, count in sorted(waiting.items()))
    return f"Lag: {sum(waiting.values()):,} messages of observations wait ({parts})."


def processes_table(rows: Sequence[ProcessRow]) -> Table:
    """Each server and service with its state."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in ("process", "state", "since", "says"):
        table.add_column(column, overflow="fold", no_wrap=column in ("process", "state"))
    for row in rows:
        style = "green" if row.ready else ("yellow" if row.state == RUNNING.lower() else "red")
        table.add_row(row.name, f"[{style}]{row.state}[/{style}]", row.since, row.says)
    return table
