"""`dayahead build`, `up`, `servers`, `status`, `down` and `clean`: the whole service from the command line."""

from typing import Annotated

import typer

# Heavy imports are inside the commands, so that `dayahead --help` starts fast.
# ruff: noqa: PLC0415


def register(app: typer.Typer) -> None:
    """Add the commands of the local stack to the command line."""
    app.command()(build)
    app.command()(up)
    app.command()(servers)
    app.command()(status)
    app.command()(down)
    app.command()(clean)


def build() -> None:
    """Build the server binaries (a Debian tree and the Kafka jars, in .local/) without starting anything."""
    from deploy.local.build import build as build_in
    from deploy.local.places import Places
    from deploy.running import end_in_order, terminal

    end_in_order()
    console = terminal()
    built = build_in(Places(), console.print)
    console.print(f"Built {' and '.join(built)}." if built else "Debian tree and Kafka jars are already built.")


def up() -> None:
    """Start everything: servers, services, history, a first model, the live replay; then show some forecasts."""
    from deploy.running import compose, end_in_order, open_stack, terminal
    from deploy.up import Up

    end_in_order()
    if containers := compose(terminal()):
        containers.up()
    else:
        Up(open_stack(), terminal()).everything()


def servers() -> None:
    """Start only the servers (TimescaleDB, Redis, Kafka, Prometheus, Alertmanager), for development."""
    from deploy.running import end_in_order, open_stack, terminal
    from deploy.up import Up

    end_in_order()
    Up(open_stack(), terminal()).servers_only()


def status() -> None:
    """Show servers, services, lag, freshness of the series, rungs and accuracy; exit 1 if a service is not ready."""
    from deploy.running import compose, open_stack, terminal
    from deploy.status import show_status

    if containers := compose(terminal()):
        containers.status()
    elif not show_status(open_stack(), terminal()):
        raise typer.Exit(1)


def down() -> None:
    """Stop the services, then the servers; data stays."""
    from deploy.running import compose, open_stack, stop, terminal

    if containers := compose(terminal()):
        containers.down()
    else:
        stop(open_stack(), terminal())


def clean(
    everything: Annotated[bool, typer.Option("--everything", help="Also the Debian tree and the Kafka jars")] = False,
) -> None:
    """Stop everything and delete the data of the local stack."""
    from deploy.running import compose, forget, open_stack, terminal

    if containers := compose(terminal()):
        containers.clean()
    else:
        forget(open_stack(), terminal(), everything=everything)
