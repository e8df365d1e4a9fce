"""Settings of `dayahead mcp`."""

from pydantic import Field, HttpUrl

from dayahead.settings import ProcessSettings, Texts


class McpSettings(ProcessSettings):
    """Where assistants connect, and which API is asked."""

    metrics_port: int = Field(
        default=8143, ge=0, le=65535, description="Port of /metrics, /health/live and /health/ready; 0 for any free"
    )
    mcp_host: str = Field(default="127.0.0.1", description="Address that the MCP endpoint is served on")
    mcp_port: int = Field(default=8144, ge=1, le=65535, description="Port of the MCP endpoint /mcp")
    mcp_hosts: Texts = Field(
        default=["127.0.0.1:*", "localhost:*", "[::1]:*"],
        min_length=1,
        description="Host headers that the MCP endpoint accepts, with ports or :*, like mcp.example,localhost:*; "
        "others are refused, so that no page in a browser reaches it under a name of its own",
    )
    mcp_api_url: HttpUrl = Field(
        default=HttpUrl("http://127.0.0.1:8000"), description="URL of the API that the MCP endpoint asks"
    )
