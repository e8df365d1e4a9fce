"""Model settings in a YAML file."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from dayahead.errors import SettingsError
from dayahead.models.settings import ModelSettings


def load_model_settings(path: Path) -> ModelSettings:
    """Read model settings from YAML.

    Raises:
        SettingsError: the file cannot be read, or a value is not allowed; the message names each.
    """
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"model settings {path} cannot be read: {error}") from error
    try:
        return ModelSettings.model_validate(fields)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()
        )
        raise SettingsError(f"model settings {path}: {faults}") from error
