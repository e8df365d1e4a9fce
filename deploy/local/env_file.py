"""`.env`: the passwords, generated the first time, and the addresses of the stack's servers."""

import difflib
import io
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from dotenv.parser import parse_stream
from pydantic import SecretStr

from dayahead.settings import PREFIX
from deploy.local.passwords import Passwords

HEAD = "# Made by `dayahead up`. Contains passwords: do not share it. Its settings: .env.example\n"
PASSWORD_VARIABLES = {
    "database_superuser": f"{PREFIX}SUPERUSER_PASSWORD",
    "database_owner": f"{PREFIX}OWNER_PASSWORD",
    "database_app": f"{PREFIX}APP_PASSWORD",
    "database_reader": f"{PREFIX}READER_PASSWORD",
    "database_ingest": f"{PREFIX}INGEST_PASSWORD",
    "database_worker": f"{PREFIX}WORKER_PASSWORD",
    "database_trainer": f"{PREFIX}TRAINER_PASSWORD",
    "database_api": f"{PREFIX}API_PASSWORD",
    "redis": f"{PREFIX}REDIS_PASSWORD",
    "kafka": f"{PREFIX}KAFKA_PASSWORD",
    "api_token": f"{PREFIX}API_TOKEN",
    "grafana": f"{PREFIX}GRAFANA_PASSWORD",
}
FAMILIES = tuple(f"{PREFIX}{family}__" for family in ("SOURCE_KEYS", "TRAINING", "WEBHOOK_SECRETS"))
"""Beginnings of names whose rest is free, or is checked with its value."""
READ_ELSEWHERE = (*PASSWORD_VARIABLES.values(), f"{PREFIX}IMAGE_EXTRAS")
"""Names that no service reads: `dayahead up` and docker-compose.yml do."""


class EnvFile:
    """The `.env` in the working directory of `dayahead`; only its owner can read it.

    Existing lines and comments are kept unless their value is set.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, str]:
        """The values by name; empty if the file does not exist."""
        if not self.path.exists():
            return {}
        pairs = (line.partition("=") for line in self._lines() if not line.lstrip().startswith("#"))
        return {name.strip(): value.strip().strip("'\"") for name, found, value in pairs if found}

    def set(self, values: Mapping[str, str]) -> None:
        """Set values: existing lines are replaced, new names are appended."""
        known = self.read()
        changed = {name: value for name, value in values.items() if known.get(name) != value}
        if not changed:
            return
        lines = [line for line in self._lines() if line.partition("=")[0].strip() not in changed]
        lines += [f"{name}={value}" for name, value in changed.items()]
        # atomic: a run that is killed here must not leave data without their passwords
        unfinished = self.path.with_name(f"{self.path.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text("".join(f"{line}\n" for line in lines))
        unfinished.rename(self.path)

    def passwords(self, environment: Mapping[str, str]) -> Passwords:
        """The passwords of the environment or the file; missing ones are generated (`keep` stores them).

        Args:
            environment: of this process; it overrides the file.
        """
        known = self.read()
        drawn = Passwords.random()
        return Passwords(
            **{
                field: SecretStr(environment.get(variable) or known.get(variable) or "") or getattr(drawn, field)
                for field, variable in PASSWORD_VARIABLES.items()
            }
        )

    def keep(self, passwords: Passwords) -> None:
        """Write those passwords that the file does not have yet."""
        known = self.read()
        self.set(
            {
                variable: getattr(passwords, field).get_secret_value()
                for field, variable in PASSWORD_VARIABLES.items()
                if not known.get(variable)
            }
        )

    def faults(self, settings: Collection[str]) -> list[str]:
        """Lines that would be passed over in silence: misspelt names, and what is no `NAME=value`.

        Args:
            settings: names of variables that the services read.

        Returns:
            A sentence for each, which names its line; none if the file does not exist.
        """
        return list(self._faults({*settings, *READ_ELSEWHERE})) if self.path.exists() else []

    def _faults(self, known: Collection[str]) -> Iterator[str]:
        for binding in parse_stream(io.StringIO(self.path.read_text())):
            skipped = len(binding.original.string) - len(binding.original.string.lstrip())
            line = binding.original.line + binding.original.string[:skipped].count("\n")
            name = binding.key
            if binding.error or (name is not None and binding.value is None):
                yield f"{self.path.name}, line {line}: not understood; a setting is NAME=value, a comment begins with #"
            elif name and name.startswith(PREFIX) and name not in known and not name.startswith(FAMILIES):
                near = difflib.get_close_matches(name, known, 1)
                meant = f"is {near[0]} meant? " if near else ""
                yield (
                    f"{self.path.name}, line {line}: {name} is no setting: {meant}"
                    "`dayahead settings` lists all; remove the line if it is of another version"
                )

    def _lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else HEAD.splitlines()
