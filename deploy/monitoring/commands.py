"""`dayahead monitoring render`: the files that Prometheus and Alertmanager read."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `monitoring` to the command line."""
    monitoring = typer.Typer(help="Configuration of Prometheus and Alertmanager.", no_args_is_help=True)
    monitoring.command()(render)
    monitoring.command()(rules)
    app.add_typer(monitoring, name="monitoring")


def render(
    folder: Annotated[Path, typer.Argument(help="Folder to write to")],
    target: Annotated[list[str], typer.Option(help="job=host:port of a service to scrape; may be repeated")],
    alertmanager: Annotated[str, typer.Option(help="host:port of Alertmanager")],
    webhook: Annotated[str, typer.Option(help="URL of POST /v1/alertmanager of the API")],
    api_token: Annotated[str, typer.Option(envvar="DAYAHEAD_API_TOKEN", help="Bearer token of the API")] = "",
    seen_as: Annotated[str, typer.Option(help="Path of the folder on the two servers, if it differs")] = "",
) -> None:
    """Write prometheus.yml, the rules, the targets, alertmanager.yml and the token into FOLDER."""
    from pydantic import SecretStr  # noqa: PLC0415 - `dayahead --help` stays quick

    from dayahead.errors import SettingsError  # noqa: PLC0415
    from dayahead.settings import load_settings  # noqa: PLC0415
    from deploy.monitoring.configuration import MonitoringFiles, Target  # noqa: PLC0415
    from deploy.monitoring.settings import MonitoringSettings  # noqa: PLC0415

    pairs = [(given, *given.partition("=")) for given in target]
    if wrong := [given for given, job, found, address in pairs if not (job and found and ":" in address)]:
        raise SettingsError(f"--target {wrong[0]!r} must be job=host:port, like worker=127.0.0.1:8111")
    files = MonitoringFiles(folder, seen_as)
    files.write(
        [Target(job, address) for _, job, _, address in pairs],
        alertmanager,
        webhook,
        SecretStr(api_token),
        load_settings(MonitoringSettings),
    )
    typer.echo(f"written to {folder}: {files.prometheus_config} and {files.alertmanager_config}")


def rules(file: Annotated[Path, typer.Argument(help="File to write")]) -> None:
    """Write the rules into FILE as an object of the Prometheus Operator (PrometheusRule)."""
    from dayahead.settings import load_settings  # noqa: PLC0415 - `dayahead --help` stays quick
    from deploy.monitoring.prometheus_rule import prometheus_rule_text  # noqa: PLC0415
    from deploy.monitoring.settings import MonitoringSettings  # noqa: PLC0415

    file.write_text(prometheus_rule_text(load_settings(MonitoringSettings)), encoding="utf-8")
