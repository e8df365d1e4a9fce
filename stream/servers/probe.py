"""Named steps of the worker, where a test may end the process as a power cut would."""

from enum import StrEnum
from typing import Protocol


class Step(StrEnum):
    """What has just been done."""

    DECODED = "decoded"
    READ = "read"
    DEAD_LETTERS = "dead_letters"
    COMPUTED = "computed"
    COMMITTED = "committed"
    REDIS = "redis"
    KAFKA = "kafka"


class Probe(Protocol):
    """Told of each step of each batch."""

    def reached(self, step: Step) -> None:
        """The step is done."""


class NoProbe:
    """The probe of the service: nothing happens."""

    def reached(self, step: Step) -> None:
        """Go on."""
