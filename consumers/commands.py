"""The commands of the optional consumers: `dayahead webhooks`, `undelivered`, `mqtt` and `mcp`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

# Heavy imports are inside the commands, so that `dayahead --help` starts fast.
# ruff: noqa: PLC0415


Receivers = Annotated[Path | None, typer.Option(help="YAML file of the receivers; DAYAHEAD_WEBHOOK_RECEIVERS")]

undelivered = typer.Typer(help="Webhooks that were given up: list, send again.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of the consumers to the command line."""
    app.command()(webhooks)
    app.add_typer(undelivered, name="undelivered")
    app.command()(mqtt)
    app.command()(mcp)


def webhooks(receivers: Receivers = None) -> None:
    """Post new forecasts to the receivers of a file, signed, until stopped."""
    from consumers.webhooks.running import Webhooks
    from consumers.webhooks.settings import WebhookSettings
    from dayahead.hours import wall_clock
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging

    settings = load_settings(WebhookSettings, webhook_receivers=receivers)
    configure_logging("webhooks", settings.log_level)
    Webhooks(settings, wall_clock).run()


@undelivered.command("list")
def list_undelivered(
    receiver: Annotated[str, typer.Option(help="Only those of this receiver")] = "",
) -> None:
    """Show undelivered webhooks, oldest first: offset, time, receiver, series, reason; separated by tabs."""
    from consumers.webhooks.resending import read_undelivered
    from consumers.webhooks.settings import WebhookSettings
    from dayahead.hours import format_utc
    from dayahead.settings import load_settings

    settings = load_settings(WebhookSettings)
    for kept in read_undelivered(settings.kafka_bootstrap, settings.topic_prefix):
        one, event = kept.webhook, kept.event
        if receiver in ("", one.receiver):
            series = event.series_id if event else "-"
            cells = (kept.offset, format_utc(one.given_up_at), one.receiver, series, one.reason)
            typer.echo("\t".join(map(str, cells)))


@undelivered.command("send")
def send_undelivered(
    receiver: Annotated[str, typer.Argument(help="Name of the receiver")],
    offsets: Annotated[
        list[int] | None, typer.Argument(help="Offsets as `list` shows them; all of the receiver if none")
    ] = None,
    receivers: Receivers = None,
) -> None:
    """Post undelivered webhooks once more, oldest first, with their ids; exit with 1 if one is not taken."""
    from consumers.webhooks.resending import read_undelivered
    from consumers.webhooks.running import poster_of
    from consumers.webhooks.settings import WebhookSettings
    from dayahead.errors import DeliveryFailed
    from dayahead.hours import wall_clock
    from dayahead.settings import load_settings

    settings = load_settings(WebhookSettings, webhook_receivers=receivers)
    poster = poster_of(receiver, settings, wall_clock)
    taken = failed = 0
    wanted = set(offsets or ())
    for kept in read_undelivered(settings.kafka_bootstrap, settings.topic_prefix):
        event = kept.event
        if kept.webhook.receiver != receiver or event is None or (offsets and kept.offset not in wanted):
            continue
        wanted.discard(kept.offset)
        try:
            poster.post(event)
        except DeliveryFailed as error:
            failed += 1
            typer.echo(f"{kept.offset}: {error}", err=True)
        else:
            taken += 1
    typer.echo(f"{receiver} took {taken} of {taken + failed} webhooks")
    for offset in sorted(wanted):
        typer.echo(f"{offset}: no webhook for {receiver} is kept there, see `dayahead undelivered list`", err=True)
    raise typer.Exit(1 if failed or wanted else 0)


def mqtt() -> None:
    """Publish forecasts to an MQTT broker, with discovery for Home Assistant, until stopped."""
    require("paho", "mqtt")
    from consumers.mqtt.publishing import MqttPublishing
    from consumers.mqtt.settings import MqttSettings
    from dayahead.hours import wall_clock
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging

    settings = load_settings(MqttSettings)
    configure_logging("mqtt", settings.log_level)
    MqttPublishing(settings, wall_clock).run()


def mcp() -> None:
    """Serve the read API as tools of assistants (MCP, streamable HTTP) until stopped."""
    require("mcp", "mcp")
    from consumers.mcp.serving import serve
    from consumers.mcp.settings import McpSettings
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging

    settings = load_settings(McpSettings)
    configure_logging("mcp", settings.log_level)
    serve(settings)


def require(module: str, extra: str) -> None:
    """Check that an extra is installed.

    Args:
        module: that it brings.
        extra: its name.

    Raises:
        SettingsError: it is not.
    """
    from dayahead.errors import SettingsError

    if find_spec(module) is None:
        raise SettingsError(
            f"`dayahead {extra}` needs the extra {extra}: pip install 'dayahead[{extra}]', "
            "or in a checkout `make extras`"
        )
