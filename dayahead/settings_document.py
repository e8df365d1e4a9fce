"""`.env.example` and the list of all settings, made from the settings classes of every service."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points

from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from dayahead.settings import variable_of


@dataclass(frozen=True)
class Setting:
    """One variable.

    Attributes:
        variable: its name in the environment.
        default: as text; empty where it has to be given.
        description: what it is, with its unit.
        secret: whether its value must not be shown.
        services: who reads it.
    """

    variable: str
    default: str
    description: str
    secret: bool
    services: tuple[str, ...]


def settings_classes() -> dict[str, type[BaseSettings]]:
    """The settings class of each service, from the entry-point group `dayahead.settings`."""
    entries = sorted(entry_points(group="dayahead.settings"), key=lambda entry: entry.name)
    return {entry.name: entry.load() for entry in entries}


def all_settings(classes: dict[str, type[BaseSettings]]) -> list[Setting]:
    """Every variable once, shared ones first."""
    found: dict[str, Setting] = {}
    for service, settings in classes.items():
        for name, field in settings.model_fields.items():
            variable = variable_of(settings, name)
            secret = field.annotation is SecretStr or "SecretStr" in str(field.annotation)
            default = field.get_default(call_default_factory=True, validated_data={})
            if default is PydanticUndefined or default is None:
                default = ""
            if isinstance(default, SecretStr):
                default = default.get_secret_value()
            if isinstance(default, list | tuple):
                default = ",".join(str(item) for item in default)
            before = found[variable].services if variable in found else ()
            found[variable] = Setting(variable, str(default), field.description or "", secret, (*before, service))
    return sorted(found.values(), key=lambda setting: -len(setting.services))


def env_example(settings: Iterable[Setting]) -> str:
    """The text of `.env.example`: each variable with its description, commented out at its default."""
    lines = [
        "# Settings of Dayahead: copy to .env and uncomment what you change; the environment wins over the file.",
        "# `make up` writes a .env with fresh passwords where there is none. Made by `dayahead settings --example`.",
    ]
    for setting in settings:
        lines += ["", f"# {setting.description} [{', '.join(setting.services)}]"]
        lines.append(f"# {setting.variable}={setting.default}")
    return "\n".join(lines) + "\n"
