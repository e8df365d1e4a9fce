import asyncio
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from dayahead.listening import listening_socket
from deploy.local.ports import free_ports
from tests.waiting import wait_until

DAYAHEAD = Path(sys.executable).parent / "dayahead"


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_the_command_serves_while_no_server_is_up_and_exits_on_a_signal(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    process = subprocess.Popen([DAYAHEAD, "api", "--port", str(port)], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/health/live"), 60, "the API")
        page = httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
        assert "<title>Dayahead</title>" in page.text
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    finally:
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert f'"page":"http://127.0.0.1:{port}"' in said
    assert "Traceback" not in said


def test_an_answer_never_waits_for_the_acknowledgement_of_the_one_before() -> None:
    """Nagle's algorithm is off on the connections of the socket that the command serves on, on any event loop."""

    async def option_of_a_connection() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            found.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listening_socket("127.0.0.1", 0, "the API", "DAYAHEAD_API") as listening:
            async with await asyncio.start_server(connected, sock=listening):
                _, writer = await asyncio.open_connection(*listening.getsockname())
                writer.close()
                return await found

    with ThreadPoolExecutor(1) as thread:  # this one may have the event loop of a browser
        assert thread.submit(asyncio.run, option_of_a_connection()).result(30) != 0


def test_a_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [DAYAHEAD, "api", "--port", str(port)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 2
    assert f"127.0.0.1:{port} cannot be used for the API" in ended.stderr
    assert "DAYAHEAD_API_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr
