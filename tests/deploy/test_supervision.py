import os
import signal
import sys
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path

import pytest

from dayahead.errors import StackError
from deploy.local.stack import kill_strays
from deploy.local.supervision import Program, Supervisor, log_file, render, socket_path
from tests.waiting import wait_until

SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    running = Supervisor(tmp_path)
    yield running
    running.shutdown()
    kill_strays(tmp_path)


def test_the_configuration_names_each_program_and_doubles_percent_signs(tmp_path: Path) -> None:
    text = render(tmp_path, [Program("api", ["dayahead", "api", "50%"], {"DAYAHEAD_API_PORT": "8000"})])
    config = RawConfigParser()
    config.read_string(text)
    assert config["program:api"]["command"] == "dayahead api 50%%"
    assert config["program:api"]["environment"] == 'DAYAHEAD_API_PORT="8000"'
    assert config["program:api"]["autorestart"] == "true"


def test_the_control_socket_fits_however_deep_the_checkout_lies(tmp_path: Path) -> None:
    assert socket_path(tmp_path / "a").is_relative_to(tmp_path)
    assert len(str(socket_path(tmp_path / ("deep/" * 40)))) < 100


def test_programs_start_when_told_and_stop_in_good_order(supervisor: Supervisor) -> None:
    supervisor.start([Program("one", SLEEPER), Program("two", SLEEPER)], dies_with_parent=True)
    assert {state.state for state in supervisor.states().values()} == {"STOPPED"}
    supervisor.start_programs(["one"])
    wait_until(lambda: supervisor.states()["one"].state == "RUNNING", 20, "one to run")
    assert supervisor.states()["two"].state == "STOPPED"
    supervisor.stop(["one"])
    assert supervisor.states()["one"].state == "STOPPED"


def test_a_program_that_ends_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start([Program("one", SLEEPER)], dies_with_parent=True)
    supervisor.start_programs(["one"])
    wait_until(lambda: supervisor.states()["one"].state == "RUNNING", 20, "one to run")
    before = supervisor.states()["one"].pid
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: supervisor.states()["one"].pid not in (0, before), 20, "one to run again")


def test_a_running_supervisor_takes_up_changed_added_and_removed_programs(supervisor: Supervisor) -> None:
    supervisor.start(
        [Program("kept", SLEEPER), Program("changed", SLEEPER), Program("old", SLEEPER)], dies_with_parent=True
    )
    supervisor.start_programs(["kept", "changed", "old"])
    before = supervisor.states()["kept"].pid
    changed = Program("changed", SLEEPER, {"DAYAHEAD_WORKERS": "3"})
    supervisor.start([Program("kept", SLEEPER), changed, Program("new", SLEEPER)], dies_with_parent=True)
    assert set(supervisor.states()) == {"kept", "changed", "new"}
    assert supervisor.states()["kept"].pid == before
    assert supervisor.states()["changed"].state == "STOPPED"


def test_what_a_killed_supervisord_left_running_is_found_and_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([Program("one", SLEEPER)], dies_with_parent=True)
    supervisor.start_programs(["one"])
    wait_until(lambda: supervisor.states()["one"].state == "RUNNING", 20, "one to run")
    stray = supervisor.states()["one"].pid
    os.kill(int((tmp_path / "supervisord.pid").read_text()), signal.SIGKILL)
    wait_until(lambda: not supervisor.is_running(), 20, "supervisord to be gone")
    assert Path(f"/proc/{stray}").exists()
    kill_strays(tmp_path)
    assert not Path(f"/proc/{stray}/exe").exists()


def test_what_a_program_says_is_in_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(
        [Program("one", [sys.executable, "-c", "print('hello'); raise SystemExit(3)"])], dies_with_parent=True
    )
    supervisor.start_programs(["one"])
    wait_until(lambda: supervisor.states()["one"].state == "BACKOFF", 20, "one to fail")
    assert "hello" in log_file(tmp_path, "one").read_text()


def test_a_supervisord_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="supervisord ended at once"):
        Supervisor(tmp_path).start([Program("one", SLEEPER, stop_signal="NONSENSE")], dies_with_parent=True)
