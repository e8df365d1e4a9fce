"""`dayahead sources inspect URL`: one request, and a source file for the kinds over HTTP."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest

from dayahead.reading.source_file import load_source
from tests.ingest.inspection.inspecting import asked, moments, run, value_at


class Publisher(ThreadingHTTPServer):
    """Answers every request with one body."""

    body = b""
    paths: list[str]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert isinstance(self.server, Publisher)
            self.server.paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.server.body)))
            self.end_headers()
            self.wfile.write(self.server.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with Publisher(("127.0.0.1", 0), Handler) as server:
        server.paths = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


RECORDS = [{"time": f"{m:%Y-%m-%dT%H:%MZ}", "zone": "n", "kWh": value_at(m)} for m in moments("2024-01-01", 2)]


def test_csv_is_proposed_as_http_csv_with_one_request(publisher: Publisher, tmp_path: Path) -> None:
    lines = ["time,zone,kWh", *(f"{one['time']},n,{one['kWh']}" for one in RECORDS)]
    publisher.body = "\n".join(lines).encode()
    done = run("inspect", publisher.url("/api/load?days=2"), "--write", tmp_path / "load.yaml")
    assert done.exit_code == 0, done.output
    assert "48 hours of 1 series: n" in done.output
    assert publisher.paths == ["/api/load?days=2"]
    source = load_source(tmp_path / "load.yaml")
    assert (source.name, source.kind) == ("load", "http-csv")
    checked = run("check", tmp_path / "load.yaml")
    assert "48 hours of 1 series: n" in checked.output


@pytest.mark.parametrize(
    "document",
    [
        RECORDS,
        {"meta": {"count": 48}, "result": {"records": RECORDS}},
        {"zone": "n", "hourly": {"time": [one["time"] for one in RECORDS], "kWh": [one["kWh"] for one in RECORDS]}},
        {"kWh": [[one["time"], one["kWh"]] for one in RECORDS]},
        {"load": {one["time"]: one["kWh"] for one in RECORDS}},
        {"series": [{"zone": "n", "values": [{"at": one["time"], "kWh": one["kWh"]} for one in RECORDS]}]},
    ],
    ids=["list", "path", "columns", "pairs", "members", "through-a-list"],
)
def test_json_is_proposed_as_http_json(document: object, publisher: Publisher, tmp_path: Path) -> None:
    publisher.body = orjson.dumps(document)
    done = run("inspect", publisher.url("/load.json"), "--write", tmp_path / "load.yaml", "--unit", "kWh")
    assert done.exit_code == 0, done.output
    assert "48 hours of 1 series" in done.output
    checked = run("check", tmp_path / "load.yaml")
    assert "48 hours of 1 series" in checked.output, checked.output


def test_a_key_in_the_url_is_not_written(publisher: Publisher) -> None:
    done = run("inspect", publisher.url("/load?api_key=1234"))
    assert "api_key" in str(done.exception)
    assert "1234" not in str(done.exception)
    assert publisher.paths == []


def test_a_password_in_the_url_is_not_written(publisher: Publisher) -> None:
    done = run("inspect", publisher.url("/load").replace("//", "//me:1234@"))
    assert "the URL carries a password" in str(done.exception)
    assert publisher.paths == []


def test_what_is_no_url_is_a_sentence() -> None:
    assert "http://host:port/load is no URL" in str(run("inspect", "http://host:port/load").exception)


def test_json_without_records_is_refused(publisher: Publisher) -> None:
    publisher.body = b'{"error": "no such dataset"}'
    done = run("inspect", publisher.url("/load"))
    assert "without a list of records" in str(done.exception)


def test_questions_are_the_same_as_of_a_file(publisher: Publisher) -> None:
    publisher.body = b"time,value\n2024-01-01T00:00,5\n2024-01-01T01:00,6\n"
    assert asked(run("inspect", publisher.url("/load")).output) == {"time-zone", "time-label", "unit"}
