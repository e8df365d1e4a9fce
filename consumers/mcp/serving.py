"""The process `dayahead mcp`: an MCP endpoint by streamable HTTP, without sessions, over the read API."""

import asyncio
import inspect
from importlib.metadata import version

import httpx
import structlog
import uvicorn
from mcp.server.fastmcp import FastMCP
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations

from consumers.mcp.settings import McpSettings
from consumers.mcp.tools import ReadTools
from dayahead.client import AsyncClient
from dayahead.listening import listening_socket
from dayahead.telemetry import Health, TelemetryServer

log = structlog.get_logger()

INSTRUCTIONS = (
    "Forecasts of hourly energy series by Dayahead, with their accuracy and reasons. Times are UTC and name the start "
    "of the hour. `rung` above 0 means that a forecast is degraded; say so, and say where a forecast is stale or "
    "expired. Nothing can be changed here."
)
END_S = 5
ANSWER_S = 3.0


def mcp_server(client: AsyncClient, settings: McpSettings) -> FastMCP:
    """Make the server with its tools.

    Args:
        client: of the API.
        settings: of the process.
    """
    # every call stands by itself, so that any process can answer it and a restart ends no session
    server = FastMCP(
        "dayahead",
        instructions=INSTRUCTIONS,
        stateless_http=True,
        json_response=True,
        transport_security=TransportSecuritySettings(
            allowed_hosts=settings.mcp_hosts,
            allowed_origins=[f"{scheme}://{host}" for host in settings.mcp_hosts for scheme in ("http", "https")],
        ),
    )
    for tool in ReadTools(client).all:
        reads = ToolAnnotations(readOnlyHint=True, openWorldHint=False)
        server.add_tool(tool, description=inspect.getdoc(tool), annotations=reads)
    return server


def serve(settings: McpSettings) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: of the process.
    """
    asyncio.run(_serve(settings))


async def _serve(settings: McpSettings) -> None:
    url = str(settings.mcp_api_url)
    telemetry = TelemetryServer(
        "mcp",
        settings.bind_host,
        settings.metrics_port,
        live=lambda: Health(True, "serving"),
        ready=lambda: api_health(url),
    )
    listening = listening_socket(settings.mcp_host, settings.mcp_port, "the MCP endpoint", "DAYAHEAD_MCP")
    async with AsyncClient(url) as client:
        app = mcp_server(client, settings).streamable_http_app()
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=END_S,
            )
        )
        with listening, telemetry:
            endpoint = f"http://{settings.mcp_host}:{settings.mcp_port}/mcp"
            log.info("started", endpoint=endpoint, api=url, port=telemetry.port, version=version("dayahead"))
            await server.serve(sockets=[listening])
    log.info("stopped")


def api_health(url: str) -> Health:
    """Whether the API answers.

    Args:
        url: of the API.
    """
    try:
        status = httpx.get(f"{url.rstrip('/')}/health/live", timeout=ANSWER_S).status_code
    except httpx.HTTPError as error:
        return Health(False, f"waiting for the API at {url} ({error}): check DAYAHEAD_MCP_API_URL")
    return Health(status == httpx.codes.OK, f"the API at {url} answered {status}")
