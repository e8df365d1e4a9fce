"""The result of one training."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dayahead.contracts import ReleaseAnnouncement
from dayahead.hours import Hour, format_utc, from_hour
from dayahead.models.settings import ModelSettings
from dayahead.storage.tables.training_quarantine import QuarantinedRange
from dayahead.storage.tables.tuning_run import Outcome
from trainer.gate import Comparison, GateDecision, Judgement
from trainer.reports.task import ReportTask
from trainer.tune import Tuned


@dataclass(frozen=True)
class Learnt:
    """The training data of a training.

    Attributes:
        series: number of series.
        values: number of hourly values.
        start: first hour.
        end: hour after the last.
        judged_from: first held-out hour.
    """

    series: int
    values: int
    start: Hour
    end: Hour
    judged_from: Hour


@dataclass(frozen=True)
class TrainingResult:
    """One training from reading to the decision.

    Attributes:
        tuning_run_key: its row in `tuning_run`.
        outcome: promoted, kept, saved, and so on.
        reason: why, in a sentence.
        release: id of the resulting release.
        is_new: whether the release did not exist before.
        learnt: the training data.
        judged: figures of the judged fit on the held-out hours, by scenario.
        comparison: with the champion; None if there was none.
        gate: every check.
        quarantined: what was excluded from training.
        fit: the settings of the fit: configured, or found by this or an earlier search.
        tuned: the search that found its settings; None if there was none.
        seconds: duration of each step: read, judge, fit, and so on.
        announcement: what to announce; None if not promoted.
        floor_days: days of the horizon that the profile forecasts, because the member lost to the naive.
        report: of drift and accuracy, to make; None where none is wanted.
    """

    tuning_run_key: int
    outcome: Outcome
    reason: str
    release: str
    is_new: bool
    learnt: Learnt
    judged: Judgement
    comparison: Comparison | None
    gate: GateDecision
    quarantined: list[QuarantinedRange]
    fit: ModelSettings
    tuned: Tuned | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    announcement: ReleaseAnnouncement | None = None
    floor_days: tuple[int, ...] = ()
    report: ReportTask | None = None

    @property
    def total_seconds(self) -> float:
        """Duration of all steps together."""
        return sum(self.seconds.values())

    def details(self) -> dict[str, Any]:
        """The content of `tuning_run.details`."""
        rules: dict[str, int] = {}
        for quarantined in self.quarantined:
            rules[quarantined.rule] = rules.get(quarantined.rule, 0) + quarantined.hours
        return {
            "reason": self.reason,
            "learnt": {
                "series": self.learnt.series,
                "values": self.learnt.values,
                "start": format_utc(from_hour(self.learnt.start)),
                "end": format_utc(from_hour(self.learnt.end)),
                "judged_from": format_utc(from_hour(self.learnt.judged_from)),
            },
            "checks": [asdict(check) for check in self.gate.checks],
            "held_out": _as_json(self.judged),
            "floor_days": list(self.floor_days),
            "champion": self.comparison
            and {
                "release": self.comparison.champion,
                "unseen_h": self.comparison.unseen_h,
                "held_out": _as_json(self.comparison.champion_figures),
            },
            "quarantined_hours": rules,
            "tuning": self.tuned and self.tuned.details(),
            "seconds": {step: round(value, 3) for step, value in self.seconds.items()},
        }


def _as_json(judgement: Judgement) -> dict[str, dict[str, Any]]:
    """Replace NaN, which JSON lacks, by null."""
    found = {}
    for scenario, figures in judgement.items():
        facts = asdict(figures)
        later = [_finite(day) for day in facts.pop("later_days")]
        found[scenario.value] = _finite(facts) | {"later_days": later}
    return found


def _finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}
