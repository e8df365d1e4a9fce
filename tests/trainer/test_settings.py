from pathlib import Path

import pytest
import yaml

from dayahead.errors import SettingsError
from trainer.settings import TrainingSettings, load_training_settings

SHIPPED = Path(__file__).parents[2] / "trainer" / "settings" / "default.yaml"


def test_the_shipped_file_says_what_the_defaults_are() -> None:
    shipped = load_training_settings(environ={})
    assert shipped.tuning.space
    without_space = shipped.tuning.model_copy(update={"space": {}})
    assert shipped.model_copy(update={"tuning": without_space}) == TrainingSettings()


def test_the_shipped_file_names_every_setting_outside_the_fit() -> None:
    named = yaml.safe_load(SHIPPED.read_text())
    for part in ("quarantine", "holdout", "gate", "schedule", "tuning"):
        assert set(named[part]) == set(TrainingSettings.model_fields[part].annotation.model_fields)
    assert set(named) | {"threads"} >= set(TrainingSettings.model_fields)


def test_every_setting_has_a_description() -> None:
    for name, field in TrainingSettings.model_fields.items():
        assert field.description, name
        for inner, part in getattr(field.annotation, "model_fields", {}).items():
            assert part.description, f"{name}.{inner}"


def test_the_command_line_wins_over_the_environment_and_the_environment_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("gate: {margin: 0.1, scenario_margin: 0.1}\nhistory_days: 100\nfit: {trees: {trees: 10}}\n")
    environ = {"DAYAHEAD_TRAINING__GATE__MARGIN": "0.2", "DAYAHEAD_TRAINING__FIT__TREES__TREES": "20", "OTHER": "1"}
    settings = load_training_settings(file, ["fit.trees.trees=30"], environ)
    assert (settings.gate.margin, settings.gate.scenario_margin, settings.history_days) == (0.2, 0.1, 100)
    assert settings.fit.trees.trees == 30


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("gate.margn=1", "gate.margn"),
        ("threds=2", "threds"),
        ("schedule.budget_per_day=-1", "schedule.budget_per_day"),
        ("seed.x=2", "seed is a value"),
        ("gate.margin", "name=value"),
    ],
)
def test_a_wrong_setting_is_named(override: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_training_settings(None, [override], {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml"):
        load_training_settings(tmp_path / "nowhere.yaml", environ={})


def test_the_hours_needed_leave_enough_to_fit_and_to_judge() -> None:
    settings = load_training_settings(None, ["fit.least_history_h=400", "holdout.least_h=60"], {})
    assert settings.needed_h == 460
    assert load_training_settings(None, ["minimum_days=30"], {}).needed_h == 720
