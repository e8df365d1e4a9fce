"""`make up` with a live source: the host is checked first, and the poller reads the source's own host."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dayahead.errors import StackError
from dayahead.reading.source_file import load_source
from deploy.compose import polled_variables
from deploy.live import base_url, check_reachable
from deploy.local.places import CHECKOUT
from deploy.local.ports import free_ports
from deploy.local.services import DAYAHEAD, service_processes
from deploy.settings import StackSettings

FILE = """
name: live
kind: energi-data-service
title: Live
url: http://127.0.0.1:{port}
dataset: Live
time_column: HourUTC
key_columns: [Area]
value_column: Value
unit: kWh
"""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def source_file(folder: Path, port: int) -> Path:
    path = folder / "live.yaml"
    path.write_text(FILE.format(port=port))
    return path


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def settings(**given: object) -> StackSettings:
    return StackSettings(_env_file=None, **given)  # type: ignore[arg-type]


def test_a_host_that_answers_is_named(tmp_path: Path, listening: int) -> None:
    assert check_reachable(source_file(tmp_path, listening), None) == "127.0.0.1 answers"


def test_a_host_that_cannot_be_reached_is_named_with_the_way_to_the_sample(tmp_path: Path, listening: int) -> None:
    closed = free_ports(1)[0]
    with pytest.raises(StackError, match=rf"127\.0\.0\.1:{closed}.*live\.yaml.*without DAYAHEAD_SOURCE.*sample"):
        check_reachable(source_file(tmp_path, closed), None)
    with pytest.raises(StackError, match=rf"127\.0\.0\.1:{closed}"):
        check_reachable(source_file(tmp_path, listening), f"http://127.0.0.1:{closed}/api")


def test_a_reference_cannot_be_started_on(tmp_path: Path, listening: int) -> None:
    file = source_file(tmp_path, listening)
    file.write_text(f"{file.read_text()}forecast_of: metered\n")
    with pytest.raises(StackError, match=r"live\.yaml is a reference forecast.*name the file of metered"):
        check_reachable(file, None)


def test_a_proxy_of_the_environment_is_what_must_answer(
    tmp_path: Path, listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{listening}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert check_reachable(source_file(tmp_path, free_ports(1)[0]), None) == "through 127.0.0.1"


def test_a_source_alone_is_polled_at_its_own_host_and_nothing_is_replayed(tmp_path: Path) -> None:
    services = {one.name: one for one in service_processes(settings(source=Path("mine.yaml")), tmp_path)}
    assert "replay" not in services
    assert services["ingest"].arguments == ["ingest", "--source=mine.yaml"]
    assert "DAYAHEAD_SOURCE_URL" not in services["ingest"].environment
    assert "DAYAHEAD_MIN_REQUEST_INTERVAL_S" not in services["ingest"].environment


@pytest.mark.parametrize("source", ["ingest/sources/electricity-balance.yaml", "/app/sources/electricity-balance.yaml"])
def test_containers_poll_a_shipped_source_at_its_own_host(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    assert polled_variables(settings(source=Path(source))) == {
        "DAYAHEAD_SOURCE_URL": "https://api.energidataservice.dk/",
        "DAYAHEAD_SOURCE": "/app/sources/electricity-balance.yaml",
    }


def test_the_host_of_a_kind_with_an_address_of_its_own_need_not_be_in_the_file() -> None:
    folder = CHECKOUT / "ingest" / "sources"
    assert urlsplit(base_url(load_source(folder / "entsoe-load.yaml")) or "").hostname == "web-api.tp.entsoe.eu"
    assert base_url(load_source(folder / "example-file.yaml")) is None


def test_containers_poll_a_given_url_instead() -> None:
    given = settings(source=Path("/app/sources/electricity-balance.yaml"), source_url="http://127.0.0.1:1/")
    assert polled_variables(given)["DAYAHEAD_SOURCE_URL"] == "http://127.0.0.1:1/"
    assert polled_variables(settings()) == {}


@pytest.mark.parametrize("folder", ["ingest/weather-sources", "/app/weather-sources"])
def test_containers_poll_shipped_weather_with_the_sample_and_a_live_source(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CHECKOUT)
    given = {"weather_source": Path(folder) / "open-meteo-denmark.yaml"}
    weather = {"DAYAHEAD_WEATHER_SOURCE": "/app/weather-sources/open-meteo-denmark.yaml"}
    assert polled_variables(settings(**given)) == weather
    live = settings(source=Path("/app/sources/electricity-balance.yaml"), **given)
    assert polled_variables(live).items() > weather.items()


def test_weather_that_containers_do_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"sky\.yaml is not in the image: put the file into ingest/weather-sources"):
        polled_variables(settings(weather_source=tmp_path / "sky.yaml"))


def test_a_file_that_containers_do_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"mine\.yaml is not in the image: put the file into ingest/sources"):
        polled_variables(settings(source=tmp_path / "mine.yaml"))


@pytest.mark.servers
def test_up_without_a_way_to_the_publisher_starts_nothing_and_says_so(tmp_path: Path) -> None:
    closed = free_ports(1)[0]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "400", "DAYAHEAD_STACK_NAME": f"test-live-{os.getpid()}"}
    environment["DAYAHEAD_SOURCE"] = str(source_file(tmp_path, closed))
    done = subprocess.run(
        [DAYAHEAD, "up"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode != 0
    assert f"127.0.0.1:{closed}" in done.stdout + done.stderr
    assert "`make up` without DAYAHEAD_SOURCE" in done.stdout + done.stderr
    assert not (tmp_path / ".env").exists()
