"""The command `dayahead api`."""

import socket
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the API's command to the command line."""
    app.command("api")(serve)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to serve on; DAYAHEAD_API_HOST")] = None,
    port: Annotated[int | None, typer.Option(help="Port to serve on; DAYAHEAD_API_PORT")] = None,
) -> None:
    """Serve the REST API and the page."""
    import uvicorn  # noqa: PLC0415 - `dayahead --help` stays quick

    from api.app import create_app  # noqa: PLC0415
    from api.settings import ApiSettings  # noqa: PLC0415
    from dayahead.settings import load_settings  # noqa: PLC0415
    from dayahead.telemetry import configure_logging  # noqa: PLC0415

    settings = load_settings(ApiSettings, api_host=host, api_port=port)
    configure_logging("api", settings.log_level)
    with _listening_socket(settings.api_host, settings.api_port) as listening:
        typer.echo(f"the page is at http://{settings.api_host}:{listening.getsockname()[1]}", err=True)
        config = uvicorn.Config(
            create_app(settings),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        uvicorn.Server(config).run(sockets=[listening])


def _listening_socket(host: str, port: int) -> socket.socket:
    """The socket to serve on, bound before anything else starts, so that a port in use is a sentence.

    Raises:
        SettingsError: the address cannot be used.
    """
    from dayahead.errors import SettingsError  # noqa: PLC0415

    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise SettingsError(
            f"{host}:{port} cannot be used for the API: {error.strerror or error}. "
            "Set DAYAHEAD_API_HOST and DAYAHEAD_API_PORT to an address that is free."
        ) from error
