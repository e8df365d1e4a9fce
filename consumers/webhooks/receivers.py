"""Who receives webhooks: a YAML file with a list `receivers`."""

from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, ValidationError, model_validator

from consumers.webhooks.signature import key_of
from dayahead.errors import SettingsError
from dayahead.topics import DAY_AHEAD, FORECASTS, TopicSpec


class EventType(StrEnum):
    """What a webhook is about; the `type` of its body."""

    FORECAST = "forecast.issued"
    DAY_AHEAD = "day_ahead.published"

    @property
    def topic(self) -> TopicSpec:
        """Topic that the events are read from."""
        return FORECASTS if self is EventType.FORECAST else DAY_AHEAD


class Format(StrEnum):
    """How `data` of the body is written."""

    MESSAGE = "message"
    HOURS = "hours"


class Receiver(BaseModel):
    """One receiver of webhooks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,59}$",
        description="Name in logs, in metrics and of its consumer group; a new name begins as a new receiver",
    )
    url: HttpUrl = Field(description="Where webhooks are posted")
    secrets: list[str] = Field(
        min_length=1,
        max_length=2,
        description="Names in DAYAHEAD_WEBHOOK_SECRETS; two during a rotation: each request is then signed with both",
    )
    events: list[EventType] = Field(default=[EventType.FORECAST], min_length=1, description="What is sent")
    series: list[str] = Field(
        default=["*"], min_length=1, description="Which series: series_ids, or patterns like DK1/*; any that matches"
    )
    format: Format = Field(
        default=Format.MESSAGE,
        description="message: data is the message of the topic; hours: data has a list of hours with their quantiles",
    )
    start: Literal["now", "newest"] = Field(
        default="now",
        description="Where a new receiver begins: with the next event, or with what the topics hold, which is the "
        "newest forecast of every series and all days",
    )
    timeout_s: float = Field(default=15.0, gt=0, le=60, description="Timeout of a whole request, in seconds")
    parallel: int = Field(
        default=4, ge=1, le=32, description="Requests at the same time; those of a series follow each other"
    )
    give_up_after_h: float = Field(
        default=72.0,
        gt=0,
        description="Age of an event, in hours, at which a failed attempt is the last: the event then goes to topic "
        "webhooks.undelivered",
    )

    set_aside_after_h: float = Field(
        default=1.0,
        gt=0,
        description="Hours for which the receiver may refuse an event while it takes others: the event then goes to "
        "topic webhooks.undelivered; until then only the later events of its series wait",
    )

    def wants(self, series_id: str) -> bool:
        """Whether events of a series are sent to it."""
        return any(fnmatchcase(series_id, pattern) for pattern in self.series)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    receivers: list[Receiver] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [receiver.name for receiver in self.receivers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"receiver {twice[0]} is given {names.count(twice[0])} times: give each name once")
        return self


def load_receivers(path: Path) -> list[Receiver]:
    """Read the file of receivers.

    Raises:
        SettingsError: it cannot be read, or a field is missing, invalid or unknown; the message names each.
    """
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(given, dict):
            raise SettingsError(f"{path} must hold a list `receivers`, see docs/webhooks.md")
        return _File.model_validate(given).receivers
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read ({error}): set DAYAHEAD_WEBHOOK_RECEIVERS to a YAML file"
        ) from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()]
        raise SettingsError(f"{path}: {'; '.join(faults)}") from error


def keys_of(receiver: Receiver, secrets: Mapping[str, SecretStr]) -> list[bytes]:
    """Return the keys that requests to a receiver are signed with.

    Args:
        receiver: names them.
        secrets: by name.

    Raises:
        SettingsError: there is no secret of this name, or it is not one of Standard Webhooks.
    """
    keys = []
    for name in receiver.secrets:
        if name.lower() not in secrets:
            raise SettingsError(
                f"receiver {receiver.name}: there is no secret {name}: set DAYAHEAD_WEBHOOK_SECRETS__{name.upper()}"
            )
        try:
            keys.append(key_of(secrets[name.lower()].get_secret_value()))
        except ValueError as error:
            raise SettingsError(f"DAYAHEAD_WEBHOOK_SECRETS__{name.upper()}: {error}") from error
    return keys
