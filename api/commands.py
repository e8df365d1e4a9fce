"""The command `dayahead api`."""

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
    uvicorn.run(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
