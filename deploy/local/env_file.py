"""`.env`: the passwords, generated the first time, and the addresses of the stack's servers."""

from collections.abc import Mapping
from pathlib import Path

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

    def _lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else HEAD.splitlines()
