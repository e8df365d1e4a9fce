"""Settings of the trainer: of the process from the environment, of a training from a YAML file in this folder."""

from trainer.settings.service import TrainerSettings
from trainer.settings.training import (
    Choices,
    GateSettings,
    HoldoutSettings,
    QuarantineSettings,
    Range,
    ReportSettings,
    ScheduleSettings,
    TrainingSettings,
    TuningSettings,
    WeatherSettings,
    load_training_settings,
)

__all__ = [
    "Choices",
    "GateSettings",
    "HoldoutSettings",
    "QuarantineSettings",
    "Range",
    "ReportSettings",
    "ScheduleSettings",
    "TrainerSettings",
    "TrainingSettings",
    "TuningSettings",
    "WeatherSettings",
    "load_training_settings",
]
