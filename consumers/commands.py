"""The commands of the optional consumers: `dayahead webhooks`, `dayahead mqtt` and `dayahead mcp`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

# Heavy imports are inside the commands, so that `dayahead --help` starts fast.
# ruff: noqa: PLC0415


def register(app: typer.Typer) -> None:
    """Add the commands of the consumers to the command line."""
    app.command()(webhooks)
    app.command()(mqtt)
    app.command()(mcp)


def webhooks(
    receivers: Annotated[
        Path | None, typer.Option(help="YAML file of the receivers; DAYAHEAD_WEBHOOK_RECEIVERS")
    ] = None,
) -> None:
    """Post new forecasts to the receivers of a file, signed, until stopped."""
    from consumers.webhooks.running import Webhooks
    from consumers.webhooks.settings import WebhookSettings
    from dayahead.hours import wall_clock
    from dayahead.settings import load_settings
    from dayahead.telemetry import configure_logging

    settings = load_settings(WebhookSettings, webhook_receivers=receivers)
    configure_logging("webhooks", settings.log_level)
    Webhooks(settings, wall_clock).run()


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
        raise SettingsError(f"`dayahead {extra}` needs the extra {extra}: pip install 'dayahead[{extra}]'")
