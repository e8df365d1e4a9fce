from pathlib import Path

import typer
from typer.main import get_command

from trainer.commands import register
from trainer.quarantine import RULES
from trainer.settings.document import settings_table

DOCUMENT = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")


def test_every_setting_of_a_training_is_documented_as_it_is() -> None:
    """To renew: append `trainer.settings.document.settings_table()` to the page."""
    assert DOCUMENT.endswith(settings_table())


def test_every_rule_of_the_quarantine_is_documented() -> None:
    assert [rule for rule in RULES if f"`{rule}`" not in DOCUMENT] == []


def test_every_command_of_the_trainer_is_documented() -> None:
    app = typer.Typer()
    register(app)
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert [name for name in commands if f"dayahead {name}" not in DOCUMENT] == []
    assert [name for name in commands["models"].commands if name not in DOCUMENT] == []
