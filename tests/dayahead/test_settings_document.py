from pathlib import Path

from dotenv import dotenv_values
from pydantic import Field, SecretStr

from dayahead.settings import ServiceSettings
from dayahead.settings_document import all_settings, env_example, settings_classes

ROOT = Path(__file__).parents[2]


class Left(ServiceSettings):
    left_only: int = Field(default=3, description="Something, in seconds")


class Right(ServiceSettings):
    token: SecretStr | None = Field(default=None, description="A secret")


def test_a_shared_setting_is_listed_once_with_all_who_read_it() -> None:
    settings = {setting.variable: setting for setting in all_settings({"left": Left, "right": Right})}
    assert settings["DAYAHEAD_KAFKA_BOOTSTRAP"].services == ("left", "right")
    assert settings["DAYAHEAD_LEFT_ONLY"].services == ("left",)
    assert settings["DAYAHEAD_TOKEN"].secret


def test_every_setting_of_every_service_has_a_description_and_is_in_the_example() -> None:
    settings = all_settings(settings_classes())
    assert not [setting.variable for setting in settings if not setting.description]
    kept = (ROOT / ".env.example").read_text()
    assert kept == env_example(settings), ".env.example is old: run `dayahead settings --example > .env.example`"


def test_the_unchanged_example_sets_nothing() -> None:
    assert dotenv_values(ROOT / ".env.example") == {}
