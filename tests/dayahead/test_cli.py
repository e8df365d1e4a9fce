"""The command `dayahead` itself."""

from importlib.metadata import version

from typer.testing import CliRunner

from dayahead.cli import app


def test_the_version_is_that_of_the_installed_package() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.output) == (0, f"dayahead {version('dayahead')}\n")
