import re
from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner, Result

from dayahead.errors import DayaheadError, ReleaseError, SettingsError
from dayahead.storage.database import connect
from dayahead.storage.tables.promotion import champion
from tests.conftest import TopicRoom
from tests.trainer.conftest import QUICK
from tests.trainer.filling import Sample, fill
from trainer.commands import register

pytestmark = pytest.mark.servers

Run = Callable[..., Result]
QUICK_OPTIONS = [part for override in QUICK for part in ("--set", override)]


@pytest.fixture
def run(database_url: str, topics: TopicRoom, monkeypatch: pytest.MonkeyPatch) -> Run:
    topics.create()
    monkeypatch.setenv("DAYAHEAD_DATABASE_URL", database_url)
    monkeypatch.setenv("DAYAHEAD_KAFKA_BOOTSTRAP", topics.bootstrap)
    monkeypatch.setenv("DAYAHEAD_TOPIC_PREFIX", topics.prefix)
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    register(app)

    def invoke(*arguments: str) -> Result:
        result = CliRunner().invoke(app, arguments)
        if isinstance(result.exception, DayaheadError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    return invoke


def serving(database_url: str) -> str | None:
    with connect(database_url) as connection:
        now = champion(connection)
    return now.release if now else None


def test_the_commands_train_show_promote_and_roll_back(run: Run, database_url: str, sample: Sample) -> None:
    assert "There is no release yet" in run("models", "list").output
    fill(database_url, sample)

    trained = run("train", *QUICK_OPTIONS).output
    first = serving(database_url)
    assert first is not None
    assert f"{first} promoted: it is the champion now" in trained
    assert "last 6 h missing" in trained
    assert "seasonal naive" in trained

    other = run("train", *QUICK_OPTIONS, "--set", "seed=2", "--no-promote").output
    assert "saved, not promoted" in other
    assert serving(database_url) == first
    second = re.search(r"\br-[0-9a-f]{12}\b", other)[0]

    listed = run("models", "list").output
    assert f"{first} serves" in listed
    assert second in listed

    shown = run("models", "show").output
    assert first in shown
    assert "beats_naive" in shown
    assert "consumption" not in run("models", "show", second).output.splitlines()[0]

    assert f"before it was {first}" in run("models", "promote", second).output
    assert serving(database_url) == second
    with pytest.raises(ReleaseError, match="serves already"):
        run("models", "promote", second)

    assert (
        f"{first} is the champion now, before it was {second}" in run("models", "rollback", "--reason", "worse").output
    )
    assert serving(database_url) == first
    with pytest.raises(ReleaseError, match="nothing to roll back to"):
        run("models", "rollback")


def test_an_unknown_release_is_named(run: Run) -> None:
    with pytest.raises(ReleaseError, match="r-none"):
        run("models", "show", "r-none")
    with pytest.raises(ReleaseError, match="there is no champion yet"):
        run("models", "show")


def test_a_moment_without_an_offset_is_refused(run: Run) -> None:
    with pytest.raises(SettingsError, match="--as-of"):
        run("train", "--as-of", "2023-01-10")


def test_the_command_searches_and_trains_with_the_best_settings(run: Run, database_url: str, sample: Sample) -> None:
    fill(database_url, sample)
    space = "tuning.space={trees.trees: {low: 5, high: 20}}"
    output = run("tune", "--trials", "2", *QUICK_OPTIONS, "--set", space, "--set", "tuning.fold_h=72").output
    assert "2 trials; the loss is" in output
    release = serving(database_url)
    assert release is not None
    assert f"{release} promoted" in output
    assert "trees.trees" in output
