"""The command `dayahead api`."""

from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer

if TYPE_CHECKING:
    import uvicorn

END_S = 8.0
"""Timeout of a shutdown, seconds: five for the requests in flight, the remainder to close the connections."""

SERVER_OPTIONS: dict[str, Any] = {
    "loop": "uvloop",
    "http": "httptools",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "timeout_graceful_shutdown": 5,
}
"""How uvicorn serves the API."""


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
    from dayahead.listening import listening_socket  # noqa: PLC0415
    from dayahead.settings import load_settings  # noqa: PLC0415
    from dayahead.telemetry import configure_logging  # noqa: PLC0415
    from dayahead.tracing.starting import start_traces  # noqa: PLC0415

    settings = load_settings(ApiSettings, api_host=host, api_port=port)
    configure_logging("api", settings.log_level)
    start_traces("api")
    with listening_socket(settings.api_host, settings.api_port, "the API", "DAYAHEAD_API") as listening:
        page = f"http://{settings.api_host}:{listening.getsockname()[1]}"
        structlog.get_logger().info("api_started", page=page)
        server = uvicorn.Server(uvicorn.Config(create_app(settings), **SERVER_OPTIONS))
        end_in_time(server)
        server.run(sockets=[listening])


def end_in_time(server: "uvicorn.Server") -> None:
    """Make a server stop within `END_S` of the signal, also where TimescaleDB, Redis or Kafka hang."""
    from dayahead.stopping import end_within  # noqa: PLC0415

    handle_exit = server.handle_exit

    def handle(sig: int, frame: FrameType | None) -> None:
        end_within(END_S)
        handle_exit(sig, frame)

    # uvicorn has no hook for this
    server.handle_exit = handle  # type: ignore[method-assign]
