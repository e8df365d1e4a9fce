"""The report of a backtest as one self-contained HTML file: no script, no font, no link."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from dayahead.hours import Hour, from_hour
from dayahead.reading.limits import LimitLoss
from trainer.backtest.ablation import Ablation, WeatherSlice
from trainer.backtest.charts import Mark, columns, fan, lines
from trainer.backtest.figures import Figures, Slice
from trainer.backtest.walk import Backtest
from trainer.weather_places import spoken

REPORT_FILE = "report.html"
TIME_LABELS = 12


@dataclass(frozen=True)
class Report:
    """What a report shows.

    Attributes:
        backtest: the run.
        figures: of the run.
        losses: values that the limits of the source reject.
        ablation: what weather is worth; None without weather.
    """

    backtest: Backtest
    figures: Figures
    losses: Sequence[LimitLoss] = ()
    ablation: Ablation | None = None


def write_report(report: Report, folder: Path, now: datetime) -> Path:
    """Write `report.html`.

    Args:
        report: what it shows.
        folder: to write to.
        now: the current time, printed at the end of the page.

    Returns:
        The file.
    """
    file = folder / REPORT_FILE
    file.write_text(render_report(report, now), encoding="utf-8")
    return file


def render_report(report: Report, now: datetime) -> str:
    """The page."""
    backtest, figures, ablation = report.backtest, report.figures, report.ablation
    page = resources.files("trainer.backtest") / "page"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"share": share, "signed": _signed, "hour": _hour, "spoken": spoken}
    template = environment.from_string((page / "report.html").read_text(encoding="utf-8"))
    return template.render(
        style=Markup((page / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        run=backtest,
        figures=figures,
        accuracy=figures.accuracy,
        better="day" if figures.accuracy.daily_is_better else "week",
        first=backtest.origins[0] + 1,
        last=backtest.origins[-1] + 24,
        releases=[(first, release.release_id) for first, release in backtest.releases.items()],
        time=lines(_time_marks(figures.by_time), "WAPE over time", TIME_LABELS),
        lead=columns(_marks(figures.by_lead), "WAPE by lead", _labelled(figures.by_lead)),
        horizon_day=columns(_marks(figures.by_horizon_day), "WAPE by day of the horizon"),
        hour=columns(_marks(figures.by_hour), "WAPE by hour of the day", 3),
        day=columns(_marks(figures.by_day), "WAPE by kind of day"),
        area=columns(_marks(figures.by_area), "WAPE by area", max(1, len(figures.by_area) // 8)),
        coverage=columns(
            _coverage_marks(figures.by_lead), "Share within the 10-90 % band by lead", _labelled(figures.by_lead)
        ),
        worst=[
            (series, fan(series.p10, series.p50, series.p90, series.actual, f"Worst day of {series.name}"))
            for series in figures.worst
        ],
        losses=report.losses,
        ablation=ablation,
        weather_lead=columns(_weather_marks(ablation.by_lead), "WAPE with weather by lead") if ablation else None,
        weather_season=columns(_weather_marks(ablation.by_season), "WAPE with weather by season") if ablation else None,
        now=now,
    )


def _labelled(by_lead: Sequence[Slice]) -> int:
    """Label each n-th lead: a dozen labels fit on the axis."""
    return -(-len(by_lead) // 12)


def share(value: float, digits: int = 2) -> str:
    """A share as a percentage; a dash if unknown."""
    return f"{value:.{digits}%}".replace("%", "\u202f%") if math.isfinite(value) else "\u2013"


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{share(value)}".replace("-", "\u2212")


def _hour(hour: Hour) -> str:
    return f"{from_hour(hour):%Y-%m-%d %H:%M}"


def _marks(slices: Sequence[Slice]) -> list[Mark]:
    return [Mark(part.name, part.wape, _hint(part.name, part), part.naive_wape) for part in slices]


def _time_marks(slices: Sequence[Slice]) -> list[Mark]:
    return [
        Mark(f"{first:%d %b}", part.wape, _hint(f"{first:%Y-%m-%d %H:%M}", part), part.naive_wape)
        for part, first in ((part, from_hour(int(part.name) + 1)) for part in slices)
    ]


def _coverage_marks(slices: Sequence[Slice]) -> list[Mark]:
    return [
        Mark(part.name, part.coverage, f"{part.name}: {share(part.coverage, 1)} within the band; 80 % is right", 0.8)
        for part in slices
    ]


def _weather_marks(slices: Sequence[WeatherSlice]) -> list[Mark]:
    return [
        Mark(
            part.name,
            part.with_,
            f"{part.name}: {share(part.with_)} with weather, {share(part.without)} without, {share(part.perfect)} with "
            f"perfect weather; {part.hours:,} hours",
            part.without,
        )
        for part in slices
    ]


def _hint(name: str, part: Slice) -> str:
    naive = (
        f", same hour of the last day {share(part.daily_naive_wape)}, of the last week {share(part.weekly_naive_wape)}"
        if math.isfinite(part.naive_wape)
        else ""
    )
    return (
        f"{name}: WAPE {share(part.wape)}{naive}, bias {_signed(part.bias)}, {share(part.coverage, 1)} within the "
        f"band; {part.hours:,} hours"
    )
