"""The settings that each process was started with, so that `dayahead up` restarts those whose settings changed."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic_settings import BaseSettings

from dayahead.settings import PREFIX, ServiceSettings, variable_of
from dayahead.settings_document import settings_classes
from deploy.local.services import ServiceProcess
from deploy.local.supervision import STANDARD_PREFIX

Digests = Mapping[str, Mapping[str, str]]
"""Program -> variable (or file) -> digest of its value."""

READ_BY_REPLAY = frozenset({f"{PREFIX}LOG_LEVEL"})
READ_BY_TRAINER = (f"{PREFIX}TRAINING__", "MLFLOW_")
WATCHERS = ("prometheus", "alertmanager")


def settings_of(service: ServiceProcess, values: Mapping[str, str]) -> dict[str, str]:
    """The settings that a service reads, by variable, without those that the stack sets.

    Args:
        service: one process.
        values: all variables of the environment and `.env`.
    """
    if service.job == "replay":
        read: set[str] = {*READ_BY_REPLAY}
    else:
        read = _variables(settings_classes()[service.job])
        read |= {name for name in values if name.startswith(STANDARD_PREFIX)}
    names = {name for name in values if name in read or (service.job == "trainer" and name.startswith(READ_BY_TRAINER))}
    return {name: values[name] for name in sorted(names - service.environment.keys())}


def digests_of(services: Iterable[ServiceProcess], values: Mapping[str, str], folder: Path) -> Digests:
    """Digests of the settings of every process, and of the files that they refer to.

    Args:
        services: the processes other than the servers.
        values: all variables.
        folder: base of relative paths.
    """
    found = {
        service.name: {
            **{name: _digest(value, folder) for name, value in settings_of(service, values).items()},
            **{
                path: _digest(path, folder)
                for name, _, path in (argument.partition("=") for argument in service.arguments)
                if name == "--source"
            },
        }
        for service in services
    }
    monitoring = _variables(settings_classes()["monitoring"]) - _variables(ServiceSettings)
    watched = {name: _digest(values[name], folder) for name in sorted(monitoring & values.keys())}
    return {**found, **dict.fromkeys(WATCHERS, watched)}


def fingerprint(digests: Mapping[str, str]) -> str:
    """A string that changes with any of the digests; empty if there are none."""
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()[:16] if digests else ""


class AppliedSettings:
    """The digests of the newest `dayahead up`, in the stack's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "settings.json"

    def changed(self, now: Digests) -> dict[str, list[str]]:
        """Variables and files that changed since the last `keep`, by program."""
        before: Digests = json.loads(self._path.read_text()) if self._path.exists() else {}
        return {
            program: [name for name in sorted({*digests, *old}) if digests.get(name) != old.get(name)]
            for program, digests in now.items()
            if (old := before.get(program)) is not None and old != digests
        }

    def keep(self, now: Digests) -> None:
        """Store these digests."""
        self._path.touch(mode=0o600)
        self._path.write_text(json.dumps(now, indent=1))


def _variables(settings: type[BaseSettings]) -> set[str]:
    return {variable_of(settings, name) for name in settings.model_fields}


def _digest(value: str, folder: Path) -> str:
    digest = hashlib.sha256(value.encode())
    path = folder / value
    if value and len(value) < 1000 and path.is_file():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
