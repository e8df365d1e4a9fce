import re
import stat
from dataclasses import fields
from pathlib import Path

from dayahead.settings_document import all_settings, settings_classes
from deploy.local.env_file import PASSWORD_VARIABLES, EnvFile
from deploy.local.places import CHECKOUT
from deploy.local.preflight import setting_obstacles


def test_passwords_are_generated_once_and_readable_only_by_the_owner(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    first = EnvFile(path).passwords({})
    EnvFile(path).keep(first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert EnvFile(path).passwords({}) == first
    secrets = {getattr(first, field.name) for field in fields(first)}
    assert len(secrets) == len(PASSWORD_VARIABLES) == 12
    assert all(len(secret.get_secret_value()) >= 24 for secret in secrets)


def test_looking_at_a_stack_writes_nothing(tmp_path: Path) -> None:
    EnvFile(tmp_path / ".env").passwords({})
    assert not (tmp_path / ".env").exists()


def test_two_checkouts_have_different_passwords(tmp_path: Path) -> None:
    assert EnvFile(tmp_path / "a").passwords({}) != EnvFile(tmp_path / "b").passwords({})


def test_a_password_of_the_environment_or_of_the_file_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("DAYAHEAD_API_TOKEN=mine\n")
    passwords = EnvFile(path).passwords({"DAYAHEAD_REDIS_PASSWORD": "given"})
    assert passwords.api_token.get_secret_value() == "mine"
    assert passwords.redis.get_secret_value() == "given"


def test_manual_edits_are_kept_and_changed_addresses_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nDAYAHEAD_LOG_LEVEL=debug\nDAYAHEAD_REDIS_URL=redis://old\n")
    EnvFile(path).set({"DAYAHEAD_REDIS_URL": "redis://new"})
    assert path.read_text() == "# mine\nDAYAHEAD_LOG_LEVEL=debug\nDAYAHEAD_REDIS_URL=redis://new\n"
    assert EnvFile(path).read()["DAYAHEAD_REDIS_URL"] == "redis://new"


def test_a_line_that_nothing_reads_is_named(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "# a remark\n\nDAYAHEAD_LOG_LVEL=debug\nDAYAHEAD_API_TOKEN\nexport DAYAHEAD_LOG_LEVEL='debug'\nhalf a line\n"
        "DAYAHEAD_SOURCE_KEYS__MINE=1\nDAYAHEAD_TRAINING__SEED=2\nDAYAHEAD_REDIS_PASSWORD=3\nOTHER=4\n"
    )
    faults = EnvFile(path).faults({"DAYAHEAD_LOG_LEVEL", "DAYAHEAD_API_TOKEN"})
    assert [fault.partition(":")[0] for fault in faults] == [".env, line 3", ".env, line 4", ".env, line 6"]
    assert "DAYAHEAD_LOG_LVEL is no setting: is DAYAHEAD_LOG_LEVEL meant?" in faults[0]
    assert not EnvFile(tmp_path / "absent").faults({"DAYAHEAD_LOG_LEVEL"})


def test_nothing_that_the_stack_writes_by_itself_is_a_fault(tmp_path: Path) -> None:
    file = EnvFile(tmp_path / ".env")
    file.keep(file.passwords({}))
    assert not setting_obstacles(file)
    file.set({"DAYAHEAD_LOG_LVEL": "debug"})
    [obstacle] = setting_obstacles(file)
    assert "is DAYAHEAD_LOG_LEVEL meant?" in obstacle


def test_every_name_that_the_example_and_the_containers_know_may_be_set(tmp_path: Path) -> None:
    texts = [(CHECKOUT / name).read_text() for name in (".env.example", "docker-compose.yml")]
    pattern = r"\$\{(DAYAHEAD_\w+)|^# (DAYAHEAD_\w+)=|(DAYAHEAD_\w+__\w+)"
    names = {name for text in texts for name in re.findall(pattern, text, re.MULTILINE)}
    given = sorted({"".join(groups) for groups in names})
    assert len(given) > 100
    path = tmp_path / ".env"
    path.write_text("".join(f"{name}=1\n" for name in given))
    variables = {setting.variable for setting in all_settings(settings_classes())}
    assert not EnvFile(path).faults(variables)
