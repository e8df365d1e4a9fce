"""`dayahead mcp` with the official client, over a real API with the sample."""

import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from consumers.mcp.tools import ReadTools
from dayahead.client import AsyncClient
from deploy.local.ports import free_ports
from deploy.local.services import DAYAHEAD
from tests.api.conftest import sample_service, sample_site  # noqa: F401 - fixtures
from tests.api.serving import Site
from tests.event_loop import in_own_loop
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

T = TypeVar("T")
SERIES = "DK1/111"


@pytest.fixture(scope="module")
def ports() -> list[int]:
    return free_ports(2)


@pytest.fixture(scope="module")
def endpoint(
    sample_site: Site,  # noqa: F811 - a fixture
    ports: list[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("mcp")
    environment = {
        **os.environ,
        "DAYAHEAD_MCP_PORT": str(ports[0]),
        "DAYAHEAD_METRICS_PORT": str(ports[1]),
        "DAYAHEAD_MCP_API_URL": sample_site.url,
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([DAYAHEAD, "mcp"], cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: b'"started"' in (folder / "log").read_bytes(), 60, "dayahead mcp to start")
        url = f"http://127.0.0.1:{ports[0]}/mcp"
        wait_until(lambda: answers(url), 30, f"{url} to answer")
        yield url
        process.terminate()
        # uvicorn closes everything and then ends by the signal
        assert process.wait(30) == -signal.SIGTERM, (folder / "log").read_text()
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code > 0
    except httpx.TransportError:
        return False


def with_session(endpoint: str, ask: Callable[[ClientSession], Awaitable[T]]) -> T:
    async def run() -> T:
        async with streamable_http_client(endpoint) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            return await ask(session)

    return in_own_loop(run())


def call(endpoint: str, tool: str, **arguments: object) -> CallToolResult:
    return with_session(endpoint, lambda session: session.call_tool(tool, arguments))


def text_of(result: CallToolResult) -> str:
    return "".join(one.text for one in result.content if isinstance(one, TextContent))


def test_every_tool_is_listed_as_one_that_only_reads_with_its_parameters_described(endpoint: str) -> None:
    tools = with_session(endpoint, lambda session: session.list_tools()).tools
    assert {tool.name for tool in tools} == {tool.__name__ for tool in ReadTools(AsyncClient("http://unused")).all}
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.readOnlyHint
        assert tool.description
        assert tool.outputSchema
        for name, parameter in tool.inputSchema["properties"].items():
            assert parameter.get("description"), f"{tool.name}: {name}"


def test_an_answer_is_that_of_the_api(endpoint: str, sample_site: Site) -> None:  # noqa: F811 - a fixture
    found = call(endpoint, "get_day", series_id=SERIES, day="tomorrow")
    assert not found.isError, text_of(found)
    expected = httpx.get(f"{sample_site.url}/v1/days/tomorrow/{SERIES}").json()
    assert found.structuredContent is not None
    assert found.structuredContent["p50"] == expected["p50"]
    assert found.structuredContent["day"] == expected["day"]


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("list_series", {"area": "DK1", "limit": 3}, "series"),
        ("get_forecast", {"series_id": SERIES, "hours": 12}, "p50"),
        ("get_observations", {"series_id": SERIES}, "value"),
        ("get_accuracy", {"series_id": SERIES, "days": 7}, "accuracy"),
        ("get_quality", {}, "sources"),
    ],
)
def test_a_tool_answers_in_its_shape(endpoint: str, tool: str, arguments: dict[str, object], field: str) -> None:
    result = call(endpoint, tool, **arguments)
    assert not result.isError, text_of(result)
    assert result.structuredContent is not None
    assert result.structuredContent[field]


def test_series_are_no_more_than_asked_for(endpoint: str) -> None:
    result = call(endpoint, "list_series", limit=3)
    assert result.structuredContent is not None
    assert len(result.structuredContent["series"]) == 3


def test_an_error_of_the_api_is_a_sentence_that_the_assistant_can_act_on(endpoint: str, ports: list[int]) -> None:
    unknown = call(endpoint, "get_forecast", series_id="DK1/1111")
    assert unknown.isError
    assert SERIES in text_of(unknown), "close matches"
    wrong = call(endpoint, "get_forecast", series_id=SERIES, hours=0)
    assert wrong.isError
    assert "hours" in text_of(wrong)
    metrics = httpx.get(f"http://127.0.0.1:{ports[1]}/metrics").text
    assert 'dayahead_mcp_calls_total{outcome="refused",tool="get_forecast"} 1.0' in metrics


def test_a_page_under_another_name_cannot_ask(endpoint: str) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"accept": "application/json, text/event-stream"}
    assert httpx.post(endpoint, json=message, headers=headers).status_code == 200
    assert httpx.post(endpoint, json=message, headers=headers | {"host": "attacker.example"}).status_code == 421
    from_page = headers | {"origin": "https://attacker.example"}
    assert httpx.post(endpoint, json=message, headers=from_page).status_code == 403


def test_readiness_says_whether_the_api_answers(endpoint: str, ports: list[int]) -> None:
    assert endpoint
    assert httpx.get(f"http://127.0.0.1:{ports[1]}/health/ready").status_code == 200
