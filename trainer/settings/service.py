"""Settings of the trainer as a process."""

from pydantic import Field

from dayahead.errors import SettingsError
from dayahead.settings import OptionalPath, ProcessSettings
from trainer.settings.training import load_training_settings


class TrainerSettings(ProcessSettings):
    """Ports, files and intervals of the trainer process."""

    metrics_port: int = Field(
        default=8121, ge=0, le=65535, description="Port of /metrics, /health/live and /health/ready; 0 for any free"
    )
    training_settings: OptionalPath = Field(
        default=None,
        description="YAML file with history, quarantine, fit, gate and schedule; empty for the shipped default.yaml",
    )
    look_every_s: float = Field(
        default=5.0, gt=0, le=3600, description="Seconds between two checks whether a training is due"
    )
    dask_scheduler: str = Field(
        default="",
        pattern=r"^([a-z]+://[^\s]+:[0-9]+)?$",
        description="Dask scheduler for backtests (tcp://host:8786); empty for processes on this machine",
    )

    def further_faults(self, *, in_containers: bool) -> list[str]:
        """What is wrong with the training settings: their file, and the variables `DAYAHEAD_TRAINING__…`."""
        try:
            load_training_settings(None if in_containers else self.training_settings)
        except SettingsError as error:
            return [str(error)]
        return []
