"""Each service imports only what its extra installs: what its image lacks is not there for it."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.trainer.report_rows import report_rows

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "requirements" / "images"
OWN = {"dayahead", "ingest", "stream", "trainer", "api", "consumers", "dashboards", "deploy"}

RUN = {
    # webhooks need nothing more; dead letters that are records are replayed where records are read
    "ingest": ["ingest", "consumers.commands", "consumers.webhooks", "dayahead.storage", "stream.dead_letters"],
    "consumers": ["consumers"],
    "worker": ["stream", "-stream.dead_letters.replay"],
    "trainer": ["trainer"],
    "api": ["api"],
    # the dependencies without the extra of any service: commands that belong to none
    "compiler": [
        *(
            "dayahead.cli",
            "dayahead.machine_code.prebuilding",
            "dayahead.storage.migrate",
            "dayahead.storage.retention",
        ),
        *("deploy.commands", "deploy.monitoring"),
    ],
}
"""What the processes of an image import: packages and modules; a minus leaves one out."""

OF_ANOTHER_EXTRA = {
    ("trainer", "mlflow"),  # extra `tracking`
    ("trainer", "evidently"),  # extra `reports`, in a process of its own
    ("trainer", "pandas"),
    ("api", "datamodel_code_generator"),  # extra `dev`: writes the models of the client
}
"""Packages that a service imports only where they are installed."""

IMPORT_ALL = """
import importlib, pkgutil, sys

hidden, wanted = set(sys.argv[1].split(",")), sys.argv[2:]

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
left_out = {name[1:] for name in wanted if name.startswith("-")}
for name in (name for name in wanted if not name.startswith("-")):
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), name + "."):
        if found.name not in left_out and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(name: str) -> set[str]:
    """The distributions of a lock."""
    text = (LOCKS / f"{name}.txt").read_text()
    return {normal(found) for found in re.findall(r"^([\w.-]+?)(?:\[.*\])?==", text, re.MULTILINE)}


def hidden_from(image: str) -> list[str]:
    """The top-level modules that are installed here, and are not in an image."""
    there = locked(image) | {"dayahead"}
    return sorted(
        module for module, homes in packages_distributions().items() if not {normal(home) for home in homes} & there
    )


@pytest.mark.parametrize("image", RUN)
def test_a_service_imports_only_what_its_image_has(image: str) -> None:
    hidden = hidden_from(image)
    assert "pytest" in hidden
    command = [sys.executable, "-c", IMPORT_ALL, ",".join(hidden), *RUN[image]]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr[-2_000:]


def test_a_report_is_drawn_by_what_the_image_of_the_trainer_has(tmp_path: Path) -> None:
    hidden = sorted(set(hidden_from("trainer")) & set(hidden_from("reports")))
    assert "statsmodels" in hidden
    rows = tmp_path / "rows"
    rows.write_bytes(report_rows().to_bytes())
    program = f"{IMPORT_ALL.partition('left_out')[0]}\nimport runpy\nsys.argv = ['page', '2.0', '4096']\n"
    program += "runpy.run_module('trainer.reports.page', run_name='__main__')"
    command = [sys.executable, "-c", program, ",".join(hidden)]
    with rows.open("rb") as given:
        ended = subprocess.run(command, stdin=given, capture_output=True, check=False, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr[-2_000:]
    summary, _, page = ended.stdout.partition(b"\n")
    assert json.loads(summary)["rows"] == 300
    assert b"drawDashboard" in page


def test_what_an_image_lacks_is_noticed() -> None:
    command = [sys.executable, "-c", IMPORT_ALL, "pyarrow", "stream.dead_letters.replay"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert "No module named 'pyarrow'" in ended.stderr


def imported(file: Path) -> Iterator[str]:
    """The top-level packages that a file imports, also within its functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize(("image", "package"), [("ingest", "ingest"), ("trainer", "trainer"), ("api", "api")])
def test_also_within_its_functions(image: str, package: str) -> None:
    homes, there = packages_distributions(), locked(image)
    for file in sorted((ROOT / package).rglob("*.py")):
        for name in sorted(set(imported(file)) - set(sys.stdlib_module_names) - OWN):
            if (image, name) not in OF_ANOTHER_EXTRA:
                assert {normal(home) for home in homes[name]} & there, f"{file} imports {name}"


@pytest.mark.parametrize(
    ("image", "lacks"),
    [
        ("ingest", {"scipy", "lightgbm", "llvmlite", "numba", "optuna", "dask", "faust-streaming"}),
        ("worker", {"optuna", "dask", "mlflow-skinny", "llvmlite", "numba", "pyarrow", "fastapi", "pandas"}),
        ("api", {"optuna", "dask", "llvmlite", "numba", "scipy", "faust-streaming", "pandas"}),
        ("trainer", {"llvmlite", "numba", "fastapi", "faust-streaming", "mlflow-skinny", "evidently", "pandas"}),
        ("reports", {"statsmodels", "faker", "cryptography", "uvicorn", "uvloop", "watchdog"}),
    ],
)
def test_an_image_lacks_what_others_are_for(image: str, lacks: set[str]) -> None:
    assert not locked(image) & lacks


def test_an_image_has_the_versions_of_the_lock_that_is_tested() -> None:
    def versions(text: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", text, re.MULTILINE))

    service = versions((ROOT / "requirements" / "service.txt").read_text())
    for image in ("ingest", "worker", "trainer", "api", "compiler"):
        of_image = versions((LOCKS / f"{image}.txt").read_text())
        assert of_image.items() <= service.items(), image
    known = dict(service)
    for more, package in (
        ("tracking", "mlflow-skinny"),
        ("traces", "opentelemetry-sdk"),
        ("us-isos", "gridstatus"),
        ("reports", "evidently"),
    ):
        added = versions((LOCKS / f"{more}.txt").read_text())
        assert package in added
        # installed on top of an image, alone or together
        assert all(known.get(name, version) == version for name, version in added.items()), more
        known |= added


def test_all_extras_of_services_are_in_the_one_of_make_up() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["service"] == ["dayahead[api,client,compiler,dashboards,ingest,reports,stack,trainer,worker]"]
    assert {
        "api",
        "client",
        "compiler",
        "dashboards",
        "ingest",
        "reports",
        "stack",
        "trainer",
        "worker",
    } <= extras.keys()


def test_a_command_of_another_image_says_what_it_needs() -> None:
    program = (
        "import sys; sys.modules['fastapi'] = None; sys.argv = ['dayahead', 'api']; import dayahead.cli as c; c.main()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 2
    assert json.loads(ended.stderr)["error"].startswith("this command needs fastapi, which is not installed here.")
