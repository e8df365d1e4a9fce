"""Prints the result of a training and the releases as tables."""

from collections.abc import Collection, Iterable, Mapping

from rich.console import Console
from rich.table import Table

from dayahead.horizon import leads_before
from dayahead.hours import format_utc, from_hour
from dayahead.storage.tables.model_release import ReleaseRecord
from dayahead.storage.tables.promotion import Champion
from dayahead.storage.tables.tuning_run import Outcome
from trainer.gate import GateCheck, Judgement
from trainer.reports.making import MadeReport
from trainer.result import TrainingResult
from trainer.scenarios import Scenario
from trainer.tune import Tuned

OUTCOME_TEXT = {
    Outcome.PROMOTED: "promoted: it is the champion now",
    Outcome.KEPT: "not promoted: the champion stays",
    Outcome.SAVED: "saved, not promoted",
    Outcome.UNCHANGED: "unchanged",
}
QUARANTINE_SHOWN = 10
TRIALS_SHOWN = 10


def print_result(console: Console, result: TrainingResult) -> None:
    """Print the result of a training."""
    learnt = result.learnt
    console.print(
        f"[bold]{result.release}[/bold] {OUTCOME_TEXT[result.outcome]}. {result.reason}.",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"Trained on {learnt.series} series, {learnt.values:,} hours from {format_utc(from_hour(learnt.start))} to "
        f"{format_utc(from_hour(learnt.end))}; judged on the hours from {format_utc(from_hour(learnt.judged_from))}.",
        highlight=False,
        soft_wrap=True,
    )
    console.print(figures_table(result.judged))
    if (by_day := days_table(result.judged, result.floor_days)) is not None:
        console.print(by_day)
    console.print(checks_table(result.gate.checks))
    if result.quarantined:
        hours = sum(quarantined.hours for quarantined in result.quarantined)
        console.print(f"Excluded from training: {hours} hours in {len(result.quarantined)} ranges", highlight=False)
        for quarantined in result.quarantined[:QUARANTINE_SHOWN]:
            first = format_utc(from_hour(quarantined.start))
            console.print(
                f"  {quarantined.series_id} {first}, {quarantined.hours} h, {quarantined.rule}: {quarantined.reason}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
    steps = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in result.seconds.items())
    console.print(f"{result.total_seconds:.1f} s: {steps}", highlight=False, soft_wrap=True)


def print_tuned(console: Console, tuned: Tuned) -> None:
    """Print the result of a search."""
    table = Table("trial", "state", "loss", "settings", title=f"Study {tuned.study}, best first")
    finished = [(trial.loss, trial) for trial in tuned.trials if trial.loss is not None]
    for loss, trial in sorted(finished, key=lambda pair: pair[0])[:TRIALS_SHOWN]:
        shown = ", ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in trial.parameters.items()
        )
        table.add_row(str(trial.number), trial.state, f"{loss:.2%}", shown)
    console.print(table)
    console.print(
        f"{len(tuned.trials)} trials; the loss is the mean of WAPE and of the series' own WAPE on the validation "
        f"windows: {tuned.first_loss:.2%} at first, {tuned.loss:.2%} at best.",
        highlight=False,
        soft_wrap=True,
    )


def print_report(console: Console, made: MadeReport) -> None:
    """Print what a report of drift and accuracy found, and where it is."""
    if made.summary is None:
        console.print(f"No report: {made.failure}", style="yellow", markup=False, highlight=False, soft_wrap=True)
        return
    drifted = ", ".join(made.summary.drifted_areas) or "none"
    where = "" if made.report is None else f" The report: /v1/reports/{made.report} of the API."
    console.print(
        f"Areas that drifted against the {made.summary.reference_rows:,} hours before: {drifted}.{where}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def figures_table(judged: Judgement) -> Table:
    """Figures on held-out hours by scenario."""
    table = Table(
        "input",
        "forecasts",
        "WAPE",
        "mean of series",
        "last day",
        "last week",
        "in 10-90 % band",
        title="Held-out hours",
    )
    for scenario, figures in judged.items():
        table.add_row(
            scenario.meaning,
            f"{figures.windows:,}",
            f"{figures.wape:.2%}",
            f"{figures.series_wape:.2%}",
            f"{figures.daily_naive_wape:.2%}",
            f"{figures.weekly_naive_wape:.2%}",
            f"{figures.coverage:.1%}",
        )
    return table


def days_table(judged: Judgement, floor_days: Collection[int]) -> Table | None:
    """Figures on held-out hours by day of the horizon; None where day 1 is the only one.

    Args:
        judged: figures of the judged fit.
        floor_days: days that the profile forecasts in the release.
    """
    figures = judged[Scenario.ALL_WELL]
    if not figures.later_days:
        return None
    table = Table("day", "leads", "forecasts", "WAPE", "better naive", "in 10-90 % band", "forecast by")
    table.title = "Held-out hours by day of the horizon"
    table.add_row(
        "1",
        "1 to 24",
        f"{figures.windows:,}",
        f"{figures.wape:.2%}",
        f"{figures.naive_wape:.2%}",
        f"{figures.coverage:.1%}",
        "model",
    )
    for one in figures.later_days:
        table.add_row(
            str(one.day),
            f"{leads_before(one.day) + 1} to {leads_before(one.day + 1)}",
            f"{one.windows:,}",
            f"{one.wape:.2%}",
            f"{one.naive_wape:.2%}",
            f"{one.coverage:.1%}",
            "model" if one.by_model and one.day not in floor_days else "profile",
        )
    return table


def checks_table(checks: Iterable[GateCheck]) -> Table:
    """The checks of the gate and their results."""
    table = Table("gate", "passed", "why")
    for check in checks:
        table.add_row(check.name, "yes" if check.passed else "[red]no[/red]", check.detail)
    return table


def releases_table(records: Iterable[ReleaseRecord], serving: Champion | None) -> Table:
    """Releases, newest first."""
    table = Table("release", "created", "learnt from", "until", "WAPE", "naive", "in band", "size")
    for record in records:
        serves = serving is not None and serving.release == record.release
        table.add_row(
            f"[bold]{record.release}[/bold] serves" if serves else record.release,
            f"{record.created_at:%Y-%m-%d %H:%M}",
            f"{record.trained_from:%Y-%m-%d %H:%M}",
            f"{record.trained_until:%Y-%m-%d %H:%M}",
            percent(record.metrics, "wape"),
            percent(record.metrics, "naive_wape"),
            percent(record.metrics, "coverage"),
            f"{record.artifact_bytes / 1024:.0f} kB",
        )
    return table


def percent(metrics: Mapping[str, object], name: str) -> str:
    """A share as a percentage; a dash if unknown."""
    value = metrics.get(name)
    return f"{value:.2%}" if isinstance(value, int | float) else "-"
