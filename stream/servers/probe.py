"""Named steps of a batch, at which a test may crash the process."""

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


class Probe(Protocol):
    """Notified of each step of each batch."""

    def reached(self, step: Step) -> None:
        """Handle the end of a step."""


class NoProbe:
    """The probe of the running service: does nothing."""

    def reached(self, step: Step) -> None:
        """Do nothing."""
