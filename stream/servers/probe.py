"""Named steps of a batch and of a gate, at which a test may crash the process."""

from enum import StrEnum
from typing import Protocol


class Step(StrEnum):
    """The step that has just finished."""

    DECODED = "decoded"
    READ = "read"
    DEAD_LETTERS = "dead_letters"
    COMPUTED = "computed"
    COMMITTED = "committed"
    REDIS = "redis"
    KAFKA = "kafka"
    GATE_PASSED = "gate_passed"
    GATE_KEPT = "gate_kept"
    GATE_SENT = "gate_sent"
    GATE_MARKED = "gate_marked"
    GATE_SCORED = "gate_scored"


BATCH_STEPS = tuple(step for step in Step if not step.startswith("gate_"))
"""The steps that every batch passes."""


class Probe(Protocol):
    """Notified of each step of each batch and of each gate."""

    def reached(self, step: Step) -> None:
        """Handle the end of a step."""


class NoProbe:
    """The probe of the running service: does nothing."""

    def reached(self, step: Step) -> None:
        """Do nothing."""
