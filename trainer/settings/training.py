"""Settings of one training: a YAML file, then the environment, then the command line, the last one wins."""

import math
import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dayahead.errors import SettingsError
from dayahead.models.settings import ModelSettings

ENV_PREFIX = "DAYAHEAD_TRAINING__"
DEFAULT_FILE = "default.yaml"


class Part(BaseModel):
    """A part of the file: unknown names are refused, so that a misspelt one is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Range(Part):
    """Numbers from low to high; whole ones where both are whole."""

    low: int | float = Field(description="Least value")
    high: int | float = Field(description="Greatest value")
    log: bool = Field(default=False, description="Whether ratios matter, not differences")


class Choices(Part):
    """One of some values."""

    choices: tuple[bool | int | float | str, ...] = Field(min_length=1, description="The values")


class QuarantineSettings(Part):
    """When an observed value is left out of a fit."""

    spike_factor: float = Field(
        default=12.0,
        gt=1,
        description="A value is a spike when it differs from the same hour a day and a week before and after by more "
        "than this many times the series' usual change from day to day",
    )
    spike_floor: float = Field(
        default=0.5, gt=0, description="... and by more than this share of the series' median magnitude"
    )
    most_spikes: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        description="Where more than this share of a series' hours look like spikes, they are normal for it: none is "
        "left out",
    )
    usual_zeros: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        description="Exact zeros are lost readings unless more than this share of a series' hours are 0",
    )
    zero_distance: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="... or its lowest other hours (1 % quantile) are below this share of their median",
    )
    stuck_h: int = Field(
        default=24, ge=3, description="Hours of one and the same value after which a meter counts as stuck"
    )
    stuck_longest_h: int = Field(
        default=336, ge=24, description="... and at most: a value that stays longer is kept, as a constant load"
    )
    zeros_longest_h: int = Field(
        default=72,
        ge=24,
        description="Zeros that stay for more than this many hours are kept: closed, or out of season",
    )
    usual_repeats: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="... unless more than this share of the series' other hours repeat the hour before",
    )
    level_factor: float = Field(
        default=4.0,
        gt=1,
        description="A level that changes by this factor and stays is a break: the hours before it are left out",
    )
    level_days: int = Field(
        default=14, ge=3, description="Days on either side of a break over which the levels are compared"
    )


class HoldoutSettings(Part):
    """The newest hours, which the evaluated fit does not see."""

    share: float = Field(default=0.2, gt=0, lt=0.5, description="Share of the history that is held out")
    least_h: int = Field(default=48, ge=48, description="Minimum hours that are held out")
    most_h: int = Field(default=28 * 24, ge=48, description="Maximum hours that are held out")
    origin_every_h: int = Field(
        default=5, ge=1, le=24, description="Hours between two evaluated forecasts; 5 and 7 reach every hour of the day"
    )
    most_windows: int = Field(
        default=20_000,
        ge=100,
        description="Maximum forecasts that are evaluated in a scenario; above that, only some of the series are",
    )


class GateSettings(Part):
    """What a challenger must show before it serves."""

    margin: float = Field(
        default=0.005,
        ge=0,
        lt=1,
        description="Share of the champion's WAPE by which the challenger must be better; 0: any improvement is enough",
    )
    scenario_margin: float = Field(
        default=-0.02,
        gt=-1,
        lt=1,
        description="The same in each outage scenario; below 0, it may be worse by that share",
    )
    least_unseen_h: int = Field(
        default=48,
        ge=25,
        description="Minimum hours after the champion's training for a fair comparison of the two",
    )
    least_windows: int = Field(default=8, ge=1, description="Minimum evaluated forecasts for a decision")
    coverage_low: float = Field(default=0.6, ge=0, le=1, description="Minimum share of hours within the 10-90 % band")
    coverage_high: float = Field(default=0.97, ge=0, le=1, description="Maximum share of hours within the 10-90 % band")


class ScheduleSettings(Part):
    """When the trainer trains without a request, and the limits on requests."""

    every_h: float = Field(default=24.0, gt=0, description="Hours between two scheduled trainings")
    growth_factor: float = Field(
        default=1.5, gt=1, description="Train early once the history is this many times as long as that of the champion"
    )
    growth_until_days: float = Field(
        default=90.0, ge=0, description="... while the champion was trained on fewer days than this"
    )
    cool_down_h: float = Field(
        default=1.0, ge=0, description="Minimum hours between two retunes; requests wait meanwhile"
    )
    budget_per_day: int = Field(default=6, ge=0, description="Maximum retunes within 24 hours; further requests wait")
    settle_s: float = Field(
        default=15.0,
        ge=0,
        description="The first training waits until the history has grown by less than a day for this many seconds",
    )


class TuningSettings(Part):
    """How the settings of the fit are searched."""

    trials: int = Field(default=20, ge=0, description="Trials of a search by the service; 0: it never searches")
    budget_s: float = Field(
        default=900.0, gt=0, description="Seconds after which a search by the service starts no further trial"
    )
    every_h: float = Field(
        default=168.0,
        gt=0,
        description="Hours between two scheduled searches; a requested training always searches, the first one never",
    )
    folds: int = Field(default=2, ge=1, le=10, description="Consecutive validation windows")
    fold_h: int = Field(default=168, ge=48, description="Maximum hours of a validation window")
    heartbeat_s: int = Field(
        default=30,
        ge=1,
        description="Seconds between two heartbeats of a trial; after three without one, another trainer picks it up",
    )
    space: dict[str, Range | Choices] = Field(
        default_factory=dict, description="Settings of the fit to search, by name: {low, high, log} or {choices}"
    )


class WeatherSettings(Part):
    """What a training does with the weather that a source names."""

    use: bool = Field(default=True, description="Whether weather is used; false: forecasts from load alone")
    error_factor: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Size of simulated errors, where no run is archived; 1 is 1.6 K a day ahead. None (null): as "
        "measured on the runs of the weather source, 1 where it has too few",
    )
    error_seed: int = Field(default=1, ge=0, description="Seed of the simulated errors")


class ReportSettings(Part):
    """Reports of drift and accuracy, drawn by Evidently (docs/training.md)."""

    make: bool = Field(default=True, description="Whether reports are made; they need the extra `reports`")
    every_days: float = Field(
        default=7.0,
        ge=0,
        le=90,
        description="Days between two reports of the release that serves, and days of service that one is about; 0: "
        "only of trainings",
    )
    reference_days: int = Field(
        default=28, ge=7, le=365, description="Days before, which a report compares the current ones with"
    )
    rows: int = Field(
        default=5000,
        ge=500,
        le=20_000,
        description="Maximum hours that are sampled of the reference and of the current days each",
    )
    drift_distance: float = Field(
        default=2.0,
        gt=0,
        le=10,
        description="A column has drifted from this Wasserstein distance on, in standard deviations of the reference",
    )
    timeout_s: float = Field(default=300.0, gt=0, le=3600, description="Seconds after which a report is given up")
    memory_mb: int = Field(default=2048, ge=64, description="Memory of the process that draws a report, in MiB")
    page_mb: float = Field(default=12.0, gt=0, description="Maximum size of the page of a report, in MiB")


class TrainingSettings(Part):
    """How a training is done."""

    history_days: int = Field(
        default=1826, ge=14, description="Days of history that are read, counted from the newest hour"
    )
    minimum_days: float = Field(default=14.0, gt=0, description="Minimum days of history for a training")
    seed: int = Field(
        default=1, ge=0, description="Seed of everything random in a fit: the same seed gives the same release"
    )
    threads: int = Field(
        default=0,
        ge=0,
        description="Threads of a fit, about 100 MB each; 0: one per processor. The release does not depend on it",
    )
    fit: ModelSettings = Field(default_factory=ModelSettings, description="How the model is fitted")
    weather: WeatherSettings = Field(default_factory=WeatherSettings, description="What is made of weather")
    quarantine: QuarantineSettings = Field(
        default_factory=QuarantineSettings, description="Which observed values are left out of a fit"
    )
    holdout: HoldoutSettings = Field(default_factory=HoldoutSettings, description="What a training is evaluated on")
    gate: GateSettings = Field(default_factory=GateSettings, description="What a challenger must show to be promoted")
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings, description="When a training happens")
    tuning: TuningSettings = Field(
        default_factory=TuningSettings, description="How the settings of the fit are searched"
    )
    report: ReportSettings = Field(
        default_factory=ReportSettings, description="Reports of drift and accuracy at each training and each week"
    )

    @property
    def needed_h(self) -> int:
        """Hours of history without which nothing is trained: to fit, and to judge on what the fit did not see."""
        return max(math.ceil(self.minimum_days * 24), self.fit.least_history_h + self.holdout.least_h)


def load_training_settings(
    path: Path | None = None, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> TrainingSettings:
    """Settings of a training.

    Args:
        path: YAML file; None for the shipped default.yaml.
        overrides: `name=value` or `part.name=value`, of the command line; the value is read as YAML.
        environ: variables `DAYAHEAD_TRAINING__PART__NAME`; None for the environment and `.env`.

    Raises:
        SettingsError: the file cannot be read, or a value is not allowed; the message names it.
    """
    if environ is None:
        environ = {name: value for name, value in (dotenv_values(".env") | os.environ).items() if value is not None}
    values = _read_file(path)
    for name, text in sorted(environ.items()):
        if name.startswith(ENV_PREFIX):
            _put(values, name.removeprefix(ENV_PREFIX).lower().split("__"), text, name)
    for override in overrides:
        name, found, text = override.partition("=")
        if not found:
            raise SettingsError(f"--set {override}: write it as name=value, e.g. --set gate.margin=0.01")
        _put(values, name.strip().split("."), text, f"--set {override}")
    try:
        return TrainingSettings.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'file'}: {fault['msg']}" for fault in error.errors()
        )
        raise SettingsError(f"training settings ({path or DEFAULT_FILE}, environment, --set): {faults}") from error


def _read_file(path: Path | None) -> dict[str, Any]:
    try:
        text = (path or resources.files("trainer.settings") / DEFAULT_FILE).read_text(encoding="utf-8")
        values = yaml.safe_load(text) or {}
    except OSError as error:
        raise SettingsError(f"training settings {path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"training settings {path or DEFAULT_FILE} are not YAML: {error}") from error
    if not isinstance(values, dict):
        raise SettingsError(
            f"training settings {path} must hold `name: value` lines, see trainer/settings/default.yaml"
        )
    return values


def _put(values: dict[str, Any], names: Sequence[str], text: str, shown_as: str) -> None:
    for name in names[:-1]:
        part = values.setdefault(name, {})
        if not isinstance(part, dict):
            raise SettingsError(f"{shown_as}: {name} is a value, not a section")
        values = part
    try:
        values[names[-1]] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{shown_as}: the value is not YAML: {error}") from error
