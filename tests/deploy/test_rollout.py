import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.release import rollout
from deploy.release.rollout import RolloutError, apply, running_version, undo

Fail = Callable[[str], None]


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """A kubectl that writes down its arguments; it fails with those that the file `fails` contains."""
    (tmp_path / "bin").mkdir()
    program, calls, fails = tmp_path / "bin" / "kubectl", tmp_path / "calls", tmp_path / "fails"
    calls.touch()
    fails.touch()
    program.write_text(
        f'#!/bin/sh\necho "$@" >>{calls}\n'
        f'if [ -s {fails} ] && echo "$@" | grep -qf {fails}; then echo "not ready" >&2; exit 1; fi\n'
        'case "$*" in *jsonpath*) printf 0.2.0;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return lambda: [line.removeprefix("--namespace dayahead ") for line in calls.read_text().splitlines()]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """A repository in which a commit with one changed file gets a tag."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)

    def commit(path: str, tag: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(f"-- {tag}")
        git("add", path)
        git("commit", "-m", tag)
        git("tag", tag)

    git("init")
    commit("dayahead/storage/migrations/0001_first.sql", "v0.2.0")
    return commit


def test_the_tables_are_migrated_before_the_services_are_waited_for(called: Callable[[], list[str]]) -> None:
    apply(Path("folder"))
    verbs = [" ".join(call.split()[:3]) for call in called()]
    assert verbs == [
        "delete job migrate",
        "apply --kustomize folder",
        "wait --for=condition=complete job/migrate",
        *(f"rollout status deployment/{name}" for name in ("ingest", "worker", "trainer", "api")),
    ]


def test_the_running_version_is_read_from_the_label_of_the_api(called: Callable[[], list[str]]) -> None:
    assert running_version() == "0.2.0"
    assert called() == [
        r"get deployment api --ignore-not-found --output jsonpath={.metadata.labels.app\.kubernetes\.io/version}"
    ]


def test_a_service_that_does_not_become_ready_fails_the_rollout(
    called: Callable[[], list[str]], tmp_path: Path
) -> None:
    (tmp_path / "fails").write_text("status deployment/trainer\n")
    with pytest.raises(RolloutError, match=r"(?s)status deployment/trainer .*not ready"):
        apply(Path("folder"))
    assert not [call for call in called() if "deployment/api" in call]


def test_a_version_with_the_same_tables_is_rolled_back(
    called: Callable[[], list[str]], checkout: Callable[[str, str], None]
) -> None:
    checkout("api/app.py", "v0.3.0")
    checkout("dayahead/storage/migrations/roles.sql", "v0.3.1")
    undo("0.2.0", "v0.3.1")
    undone = [call.split("/")[1] for call in called() if call.startswith("rollout undo")]
    assert undone == ["ingest", "worker", "trainer", "api"]
    assert called()[-1].startswith("rollout status deployment/api")


def test_a_version_that_migrated_the_tables_is_not_rolled_back(
    called: Callable[[], list[str]], checkout: Callable[[str, str], None]
) -> None:
    checkout("dayahead/storage/migrations/0002_more.sql", "v0.3.0")
    with pytest.raises(RolloutError, match=r"0\.2\.0 refuses tables with 0002_more\.sql.*restore the backup"):
        undo("0.2.0", "HEAD")
    assert called() == []


def test_a_first_version_that_fails_has_nothing_to_return_to(called: Callable[[], list[str]]) -> None:
    with pytest.raises(RolloutError, match="nothing ran before"):
        undo("", "HEAD")
    assert called() == []


def test_the_command_exits_with_the_reason(called: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    rollout.main(["version"])
    assert capsys.readouterr().out == "0.2.0\n"
    with pytest.raises(SystemExit, match="nothing ran before"):
        rollout.main(["undo", "--before", ""])


def test_every_service_of_the_cluster_is_rolled_out() -> None:
    import yaml

    base = Path(__file__).parents[2] / "deploy" / "kubernetes" / "base"
    objects = [one for path in base.glob("*.yaml") for one in yaml.safe_load_all(path.read_text())]
    deployments = {one["metadata"]["name"] for one in objects if one["kind"] == "Deployment"}
    assert deployments == set(rollout.SERVICES)
