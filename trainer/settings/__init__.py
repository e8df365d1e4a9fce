"""Settings of the trainer: the service's own from the environment, a training's from a YAML file beside this."""

from trainer.settings.service import TrainerSettings
from trainer.settings.training import (
    GateSettings,
    HoldoutSettings,
    QuarantineSettings,
    ScheduleSettings,
    TrainingSettings,
    load_training_settings,
)

__all__ = [
    "GateSettings",
    "HoldoutSettings",
    "QuarantineSettings",
    "ScheduleSettings",
    "TrainerSettings",
    "TrainingSettings",
    "load_training_settings",
]
