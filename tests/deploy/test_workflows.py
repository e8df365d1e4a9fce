import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.places import CHECKOUT
from tests.deploy.programs import program

FOLDER = CHECKOUT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
WORKFLOWS: dict[str, dict[str, Any]] = {path.stem: yaml.safe_load(path.read_text()) for path in FILES}
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"]]
each_job = pytest.mark.parametrize(("workflow", "job"), JOBS, ids=str)
PERMITTED = {
    ("release", "wheel"): {"contents": "read", "id-token": "write", "attestations": "write"},
    ("release", "image"): {"contents": "read", "packages": "write", "id-token": "write"},
    ("release", "draft"): {"contents": "write"},
    ("deploy", "plan"): {"contents": "read", "packages": "read", "id-token": "write"},
    ("deploy", "apply"): {"contents": "read", "packages": "read", "id-token": "write"},
}
"""What a job may do, where that is more than reading the repository."""


def steps(workflow: str, job: str) -> list[dict[str, Any]]:
    return list(WORKFLOWS[workflow]["jobs"][job]["steps"])


def commands(workflow: str, job: str) -> str:
    """Everything that a job runs in a shell."""
    return "\n".join(step.get("run", "") for step in steps(workflow, job))


def test_actionlint_accepts_the_workflows() -> None:
    actionlint = program("actionlint", "go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
    done = subprocess.run([actionlint, *FILES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_no_weakness_in_the_workflows() -> None:
    zizmor = program("zizmor", "it is locked in requirements/dev.txt")
    command = [zizmor, "--offline", "--no-progress", "--persona", "pedantic", "--format", "plain", str(FOLDER.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_action_is_pinned_by_commit_and_says_its_version(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_an_action_has_one_version_in_all_workflows() -> None:
    text = "".join(path.read_text() for path in FILES)
    pinned = set(re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40})", text))
    assert len(pinned) == len({action for action, _ in pinned})


@each_job
def test_a_job_has_only_the_rights_that_it_needs(workflow: str, job: str) -> None:
    assert WORKFLOWS[workflow]["permissions"] == {}
    allowed = PERMITTED.get((workflow, job), {"contents": "read"})
    assert WORKFLOWS[workflow]["jobs"][job]["permissions"] == allowed


@each_job
def test_a_job_ends_within_a_stated_time_and_leaves_no_token_in_the_checkout(workflow: str, job: str) -> None:
    assert 0 < WORKFLOWS[workflow]["jobs"][job]["timeout-minutes"] <= 90
    for step in steps(workflow, job):
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_ci_runs_the_one_check_and_the_unit_tests_on_each_supported_python() -> None:
    assert commands("ci", "check").strip() == "bash .ci/run"
    assert "make unit" in commands("ci", "unit")
    pyproject = (CHECKOUT / "pyproject.toml").read_text()
    found = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', pyproject)
    assert found
    expected = [f"3.{minor}" for minor in range(int(found[1]), int(found[2]))]
    assert WORKFLOWS["ci"]["jobs"]["unit"]["strategy"]["matrix"]["python"] == expected


def test_ci_asks_the_sample_in_containers_for_the_forecasts_of_all_its_series() -> None:
    assert "make up" in commands("ci", "compose")
    assert "deploy.release.smoke http://127.0.0.1:8000 --forecasts 76" in commands("ci", "compose")


def test_ci_requires_the_programs_that_the_tests_skip_elsewhere() -> None:
    (run,) = [step for step in steps("ci", "infrastructure") if "pytest" in step.get("run", "")]
    assert run["env"] == {"REQUIRE_PROGRAMS": "1"}
    for name in re.findall(r"tests/\S+", run["run"]):
        assert (CHECKOUT / name).is_file()


def test_a_release_is_scanned_before_it_is_signed_and_has_a_name() -> None:
    done = [step.get("uses", step.get("run", "")) for step in steps("release", "image")]
    build, scan, sign = (
        next(number for number, what in enumerate(done) if part in what)
        for part in ("docker/build-push-action", "anchore/scan-action", "cosign sign")
    )
    assert build < scan < sign
    assert "imagetools create --tag" in done[sign]
    assert "push-by-digest=true" in steps("release", "image")[build]["with"]["outputs"]
    assert "--draft" in commands("release", "draft"), "a person publishes it, and that starts deploy"


def test_a_deployment_applies_the_reviewed_plan_of_a_signed_image_and_rolls_back() -> None:
    plan, apply = commands("deploy", "plan"), commands("deploy", "apply")
    assert "cosign verify" in plan
    assert WORKFLOWS["deploy"]["jobs"]["apply"]["environment"] == "production"
    assert "terraform apply reviewed.tfplan" in apply
    assert apply.index("rollout apply") < apply.index("release.smoke") < apply.index("rollout undo")


def test_a_signature_is_verified_as_that_of_the_workflow_that_makes_it() -> None:
    (identity,) = re.findall(r'--certificate-identity "(\S+)"', commands("deploy", "plan"))
    assert ".github/workflows/release.yml@refs/tags/$TAG" in identity
    assert "cosign sign" in commands("release", "image")


def test_the_variables_and_workflows_stand_in_the_docs() -> None:
    page = (CHECKOUT / "docs" / "deployment.md").read_text()
    used = set(re.findall(r"\bvars\.(\w+)", (FOLDER / "deploy.yml").read_text()))
    assert used == set(
        re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", page.partition("### Variables of")[2].partition("\n## ")[0])
    )
    assert set(
        re.findall(r"^\| `(\w+)` \|", page.partition("## Workflows")[2].partition("###")[0], re.MULTILINE)
    ) == set(WORKFLOWS)
