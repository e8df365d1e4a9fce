import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dayahead.errors import StackError
from deploy.local import ports as port_range
from deploy.local.places import Places
from deploy.local.ports import HOST, OUTGOING_RANGE, free_ports, is_taken, listener
from deploy.local.preflight import PortUse, java_version, machine_obstacles, missing_tools, port_obstacles, refuse

EVERYTHING = "/usr/bin/{}".format


def test_a_port_in_use_is_named_with_its_process_and_the_setting_that_moves_it() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        free = PortUse("kafka", free_ports(1)[0], "DAYAHEAD_KAFKA_PORT")
        (sentence,) = port_obstacles([PortUse("redis", port, "DAYAHEAD_REDIS_PORT"), free])
    assert f"Port {port} (redis) is in use by " in sentence
    assert f"(pid {os.getpid()})" in sentence
    assert "DAYAHEAD_REDIS_PORT=" in sentence


def test_a_listener_is_found_although_another_descriptor_of_its_process_closes_during_the_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = os.readlink
    closed: list[object] = []

    def readlink(path: os.PathLike[str]) -> str:
        if not closed:
            closed.append(path)
            raise FileNotFoundError(path)
        return read(path)

    with socket.create_server((HOST, 0)) as taken:
        monkeypatch.setattr("deploy.local.ports.os.readlink", readlink)
        monkeypatch.setattr("deploy.local.ports.Path.glob", lambda *_: iter([Path(f"/proc/{os.getpid()}")]))
        assert str(os.getpid()) in (listener(taken.getsockname()[1]) or "")
    assert closed


def test_a_port_on_which_all_addresses_are_listened_on_counts_as_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        assert is_taken(taken.getsockname()[1])


def test_a_port_given_twice_is_an_obstacle() -> None:
    port = free_ports(1)[0]
    uses = [PortUse("redis", port, "DAYAHEAD_REDIS_PORT"), PortUse("kafka", port, "DAYAHEAD_KAFKA_PORT")]
    (sentence,) = port_obstacles(uses)
    assert "both redis and kafka" in sentence


def test_free_ports_are_free_neighbours() -> None:
    ports = free_ports(20)
    assert ports == list(range(ports[0], ports[0] + 20))
    assert not any(is_taken(port) for port in ports)
    assert listener(ports[0]) is None


def test_a_free_port_is_one_that_no_outgoing_connection_is_given() -> None:
    low, high = map(int, OUTGOING_RANGE.read_text().split())
    assert not any(low <= port <= high for port in free_ports(20))


def test_a_port_that_one_process_was_given_no_other_is(monkeypatch: pytest.MonkeyPatch) -> None:
    (mine,) = free_ports(1)
    monkeypatch.setattr(port_range, "UNPRIVILEGED", range(mine, mine + 1))
    asked = f"""
from deploy.local import ports
ports.UNPRIVILEGED = range({mine}, {mine + 1})
ports.free_ports(1)
"""
    other = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert "no 1 neighbouring TCP ports are free" in other.stderr
    with pytest.raises(StackError, match="no 1 neighbouring"):
        free_ports(1)


def test_without_root_the_sentence_says_why_and_what_to_do(tmp_path: Path) -> None:
    (sentence,) = machine_obstacles(Places(tmp_path), user_id=1000, find=EVERYTHING)
    assert "needs root" in sentence
    assert "sudo" in sentence


def test_root_on_debian_meets_no_obstacle(tmp_path: Path) -> None:
    assert machine_obstacles(Places(tmp_path), user_id=0, find=EVERYTHING) == []


def test_another_system_without_docker_gets_the_requirements(tmp_path: Path) -> None:
    sentences = machine_obstacles(Places(tmp_path), user_id=0, find=lambda tool: None)
    assert "not Debian or Ubuntu" in sentences[0]


def test_builders_are_needed_only_for_what_is_not_built_yet() -> None:
    assert missing_tools(tree_is_whole=True, libs_are_whole=True, find=lambda tool: None) == ["java"]
    assert missing_tools(tree_is_whole=False, libs_are_whole=False, find=lambda tool: None) == [
        "java",
        "mmdebstrap",
        "mvn",
    ]
    assert missing_tools(tree_is_whole=False, libs_are_whole=False, find=EVERYTHING) == []


@pytest.mark.parametrize(
    ("said", "version"),
    [('openjdk version "17.0.15" 2025-04-15', 17), ('java version "1.8.0_392"', 8), ('openjdk version "21"', 21)],
)
def test_the_version_of_java_is_parsed(said: str, version: int) -> None:
    assert java_version(said) == version


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(StackError, match=r"(?s)nothing was started.*one.*two"):
        refuse(["one", "two"])
    refuse([])
