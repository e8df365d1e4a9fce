import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dayahead.settings_document import all_settings, settings_classes
from deploy.local.env_file import PASSWORD_VARIABLES
from deploy.local.places import CHECKOUT
from tests.deploy.programs import missing, program

FOLDER = CHECKOUT / "deploy" / "terraform"
ROOTS = ("secrets", "single-vm", "cluster")
each_root = pytest.mark.parametrize("root", ROOTS)
Initialised = Callable[[str], Path]


def terraform(*arguments: str, folder: Path = FOLDER, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [program("terraform", "https://developer.hashicorp.com/terraform/install"), *arguments]
    environment = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@cache
def mirrors() -> list[Path]:
    """Folders with providers: of TERRAFORM_MIRROR, of Terraform itself, or where a machine has its own software."""
    given = [os.environ["TERRAFORM_MIRROR"]] if "TERRAFORM_MIRROR" in os.environ else []
    own = [Path("~/.terraform.d/plugins").expanduser(), Path("/usr/local/share/terraform/plugins")]
    candidates = [*map(Path, given), *own, *sorted(Path("/opt").glob("*"))]
    return [path for path in candidates if (path / "registry.terraform.io").is_dir()]


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Initialised:
    """A copy of a root with its provider; the test is skipped where there is neither a mirror nor the registry."""

    @cache
    def initialise(root: str) -> Path | str:
        folder = tmp_path_factory.mktemp("terraform")
        shutil.copytree(FOLDER, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".terraform*"))
        given: dict[str, str] = {}
        if mirrors():
            lines = "".join(f'  filesystem_mirror {{\n    path = "{path}"\n  }}\n' for path in mirrors())
            (folder / "terraformrc").write_text(f"provider_installation {{\n{lines}}}\n")
            given["TF_CLI_CONFIG_FILE"] = str(folder / "terraformrc")
        done = terraform("init", "-backend=false", "-input=false", "-no-color", folder=folder / root, **given)
        return folder / root if done.returncode == 0 else done.stderr[-300:]

    def get(root: str) -> Path:
        program("terraform", "https://developer.hashicorp.com/terraform/install")
        found = initialise(root)
        if isinstance(found, str):
            missing(f"no provider of AWS here (TERRAFORM_MIRROR names a folder that has it): {found}")
        return Path(found)

    return get


def test_the_files_are_formatted() -> None:
    done = terraform("fmt", "-check", "-recursive", "-diff", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr


@each_root
def test_terraform_finds_it_valid(initialised: Initialised, root: str) -> None:
    done = terraform("validate", "-json", folder=initialised(root))
    assert json.loads(done.stdout)["diagnostics"] == []


@pytest.mark.parametrize("root", ["single-vm", "cluster"])
def test_its_plan_is_as_its_own_tests_say(initialised: Initialised, root: str) -> None:
    """`secrets` has none: Terraform cannot stand in for values that it never keeps."""
    done = terraform("test", "-no-color", folder=initialised(root))
    assert done.returncode == 0, done.stdout + done.stderr
    runs = "".join(path.read_text() for path in (FOLDER / root / "tests").iterdir()).count('\nrun "')
    assert f"Success! {runs} passed, 0 failed." in done.stdout


@each_root
def test_checkov_finds_nothing_that_has_no_reason(root: str) -> None:
    checkov = program("checkov", "pipx install checkov (too many dependencies for the lock)")
    command = [checkov, "--directory", str(FOLDER / root), "--framework", "terraform", "--output", "json"]
    done = subprocess.run([*command, "--skip-download"], capture_output=True, text=True, check=False)
    results = json.loads(done.stdout)["results"]
    assert len(results["passed_checks"]) > 10
    failed = [f"{one['check_id']} {one['check_name']}: {one['resource']}" for one in results["failed_checks"]]
    assert failed == []


@each_root
def test_a_skipped_check_has_a_reason_and_a_version_is_pinned(root: str) -> None:
    text = "".join(path.read_text() for path in (FOLDER / root).glob("*.tf"))
    skips = re.findall(r"checkov:skip=(\w+)(?::(.*))?", text)
    assert all(len(reason) > 20 for _, reason in skips)
    assert re.search(r'version = "\d+\.\d+\.\d+"', text), "the provider is one version, until a person changes it"
    for declared in re.findall(r'(?:variable|output) "[\w-]+" \{\n(.*?)\n\}', text, re.DOTALL):
        assert re.search(r'description\s+= "', declared)


def quoted(text: str) -> set[str]:
    return set(re.findall(r'"(DAYAHEAD_\w+)"', text))


def test_the_secret_has_every_password_of_compose() -> None:
    assert quoted((FOLDER / "secrets" / "main.tf").read_text()) == set(PASSWORD_VARIABLES.values())


def test_no_password_is_kept_in_a_state() -> None:
    """Only the token of managed Redis, which takes it as an argument."""
    text = "".join(path.read_text() for root in ROOTS for path in (FOLDER / root).glob("*.tf"))
    assert not re.findall(r"^\s*secret_string\s*=", text, re.MULTILINE)
    assert re.findall(r'data "aws_secretsmanager_secret_version" "(\w+)"', text) == ["redis"]
    assert "random_password" not in re.sub(
        r"ephemeral[ .]\"?aws_secretsmanager_random_password.*|\.random_password", "", text
    )


def test_the_settings_that_the_cluster_returns_are_settings() -> None:
    known = {setting.variable for setting in all_settings(settings_classes())}
    returned = set(re.findall(r"^\s*(DAYAHEAD_\w+)\s*=", (FOLDER / "cluster" / "outputs.tf").read_text(), re.MULTILINE))
    assert returned
    assert returned <= known


def rendered(**values: str) -> str:
    """The start script of the machine, as Terraform writes it."""
    given: dict[str, Any] = {
        "region": "eu-north-1",
        "volume": "vol0123",
        "passwords": "arn:passwords",
        "own": "arn:own",
        "repository": "https://example.org/dayahead.git",
        "release": "v0.3.0",
        "images": {"api": "ghcr.io/example/dayahead@sha256:0", "worker": "ghcr.io/example/dayahead@sha256:1"},
        "profile": "",
        "settings": "DAYAHEAD_SOURCE=ingest/sources/live.yaml",
        "domain": "",
        **values,
    }
    arguments = ", ".join(f"{name} = {json.dumps(value)}" for name, value in given.items())
    command = [program("terraform", "https://developer.hashicorp.com/terraform/install"), "console"]
    asked = f'jsonencode(templatefile("{FOLDER}/single-vm/start.sh.tftpl", {{{arguments}}}))'
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1"}
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False, cwd="/", env=environment)
    assert done.returncode == 0, done.stderr
    return str(json.loads(json.loads(done.stdout)))


@pytest.mark.parametrize("domain", ["", "forecast.example.org"])
def test_bash_accepts_the_start_script_and_the_scripts_in_it(domain: str) -> None:
    script = rendered(domain=domain, profile="sample")
    inner = re.findall(r"^cat >\S*/sbin/\S+ <<'END'\n(.*?)^END$", script, re.DOTALL | re.MULTILINE)
    assert len(inner) == 2
    for text in (script, *inner):
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert ("caddy" in script) == bool(domain)
    assert "--profile sample" in script


def test_the_machine_starts_the_images_under_the_names_that_compose_has() -> None:
    version = re.search(r"image: (dayahead-api):(\S+)", (CHECKOUT / "docker-compose.yml").read_text())
    assert version
    script = rendered(release=f"v{version[2]}")
    assert f'docker tag ghcr.io/example/dayahead@sha256:0 "dayahead-api:{version[2]}"' in script
    assert f'docker tag ghcr.io/example/dayahead@sha256:1 "dayahead-worker:{version[2]}"' in script


def test_secrets_become_lines_of_which_compose_replaces_nothing(tmp_path: Path) -> None:
    jq = program("jq", "apt-get install jq")
    found = re.search(r"dayahead-lines\.jq <<'END'\n(.*?)\nEND\n", rendered(), re.DOTALL)
    assert found
    (tmp_path / "lines.jq").write_text(found[1])
    secret = {"DAYAHEAD_A": "a$b'c", "DAYAHEAD_SOURCE_KEYS": {"entsoe": "1"}}
    command = [jq, "-rf", str(tmp_path / "lines.jq")]
    done = subprocess.run(command, input=json.dumps(secret), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["DAYAHEAD_A='a$b\\'c'", 'DAYAHEAD_SOURCE_KEYS=\'{"entsoe":"1"}\'']
