"""The whole service, started as a user would: `dayahead up` in an empty folder, on free ports, with its own data."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.local.build import build
from deploy.local.env_file import EnvFile
from deploy.local.places import Places
from deploy.local.ports import free_ports
from deploy.local.services import DAYAHEAD
from deploy.local.throwaway import PREFIX, owned, sweep
from deploy.settings import StackSettings


@dataclass
class RunningService:
    """The service and the folder that it was started in.

    Attributes:
        folder: has its `.env`.
        environment: settings of the stack: name and ports.
        url: of the API and the page.
        output: what `dayahead up` printed.
    """

    folder: Path
    environment: dict[str, str]
    url: str
    output: str = field(default="")

    def setting(self, variable: str) -> str:
        """A value of the `.env` that `dayahead up` wrote."""
        return EnvFile(self.folder / ".env").read()[variable]

    def dayahead(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `dayahead` as its user would, in its folder."""
        environment = {**os.environ, **self.environment, "NO_COLOR": "1", "COLUMNS": "120"}
        return subprocess.run(
            [DAYAHEAD, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )


@contextmanager
def service_up(folder: Path, what: str, **settings: str) -> Iterator[RunningService]:
    """The service that `dayahead up` starts in a folder; stopped and forgotten at the end.

    Args:
        folder: an empty one.
        what: for the name of the stack.
        settings: more variables of the environment.
    """
    places = Places()
    build(places)
    sweep(places)
    name = f"{PREFIX}{what}-{os.getpid()}"
    ports = [setting for setting in StackSettings.model_fields if setting.endswith("_port")]
    numbers = dict(zip(ports, free_ports(len(ports)), strict=True))
    numbers["worker_port"] = free_ports(2)[0]  # a port for each of two workers
    environment = {f"DAYAHEAD_{setting.upper()}": str(number) for setting, number in numbers.items()}
    environment |= {"DAYAHEAD_STACK_NAME": name, **settings}
    service = RunningService(folder, environment, f"http://127.0.0.1:{numbers['api_port']}")
    with owned(places, name):
        try:
            done = service.dayahead("up")
            service.output = done.stdout
            assert done.returncode == 0, f"dayahead up failed:\n{done.stdout}\n{done.stderr}"
            yield service
        finally:
            service.dayahead("clean")


@pytest.fixture(scope="module")
def running_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """The service on the sample: every series has a forecast; it ends before the tests of other files."""
    with service_up(tmp_path_factory.mktemp("service"), "end-to-end") as service:
        yield service
