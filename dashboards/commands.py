"""`dayahead dashboards generate` and `dayahead dashboards publish`."""

import typer

# Heavy imports are inside the commands, so that `dayahead --help` starts fast.
# ruff: noqa: PLC0415


def register(app: typer.Typer) -> None:
    """Add `dashboards` to the command line."""
    dashboards = typer.Typer(help="Grafana dashboards, generated from code.", no_args_is_help=True)
    dashboards.command()(generate)
    dashboards.command()(publish)
    app.add_typer(dashboards, name="dashboards")


def generate() -> None:
    """Write dashboards/generated/*.json from the code (needs the development packages)."""
    from dayahead.errors import SettingsError

    try:
        from dashboards.catalogue import write
    except ImportError as error:
        raise SettingsError(
            f"package {error.name} is missing: generating dashboards needs the development packages "
            "(`make .venv/dev.stamp`); to publish them to a Grafana, `dayahead dashboards publish` is enough"
        ) from error

    for path in write():
        typer.echo(path)


def publish() -> None:
    """Create folder, data sources and dashboards in the Grafana of DAYAHEAD_GRAFANA_URL."""
    from dashboards.publishing import Publisher
    from dashboards.queries import generated_dashboards
    from dashboards.settings import DashboardSettings
    from dayahead.settings import load_settings

    settings = load_settings(DashboardSettings)
    for address in Publisher(settings).publish(generated_dashboards()):
        typer.echo(f"{settings.grafana_url.rstrip('/')}{address}")
