import stat
from dataclasses import fields
from pathlib import Path

from deploy.local.env_file import PASSWORD_VARIABLES, EnvFile


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
