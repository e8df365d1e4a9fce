import os
import signal
import sys
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path

import pytest

from dayahead.errors import StackError
from deploy.local.strays import find_strays, stop_strays
from deploy.local.supervision import Program, Supervisor, log_file, render, socket_path
from tests.waiting import wait_until

SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    running = Supervisor(tmp_path)
    yield running
    running.shutdown()
    stop_strays(tmp_path, [], [])


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


def test_programs_start_on_demand_and_stop_in_order(supervisor: Supervisor) -> None:
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
    before, old = supervisor.states()["kept"].pid, supervisor.states()["changed"].pid
    changed = Program("changed", SLEEPER, {"DAYAHEAD_WORKERS": "3"})
    touched = supervisor.start([Program("kept", SLEEPER), changed, Program("new", SLEEPER)], dies_with_parent=True)
    assert sorted(touched) == ["changed", "old"]
    wait_until(lambda: supervisor.states()["changed"].pid not in (0, old), 20, "the changed program to run again")
    assert supervisor.states()["new"].state == "STOPPED"
    assert set(supervisor.states()) == {"kept", "changed", "new"}
    assert supervisor.states()["kept"].pid == before


# Says in a file how it was ended; "deaf" ones have to be killed.
WITNESS = """
import pathlib, signal, sys
def end(number, frame):
    with open(sys.argv[1], "a") as log: log.write(f"{sys.argv[2]} {signal.Signals(number).name}\\n")
    if sys.argv[2] != "deaf": sys.exit(0)
for number in (signal.SIGTERM, signal.SIGINT): signal.signal(number, end)
pathlib.Path(sys.argv[1] + "." + sys.argv[2]).touch()
while True: signal.pause()
"""


def test_what_a_killed_supervisord_left_running_is_stopped_in_order_and_by_its_own_signal(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    (tmp_path / "witness.py").write_text(WITNESS)

    def witness(name: str, signal_name: str = "TERM", wait_s: int = 20) -> Program:
        command = [sys.executable, str(tmp_path / "witness.py"), str(said), name]
        return Program(name, command, stop_signal=signal_name, stop_wait_s=wait_s)

    programs = [witness("server", "INT"), witness("service"), witness("deaf", wait_s=1)]
    supervisor.start(programs, dies_with_parent=True)
    supervisor.start_programs(["server", "service", "deaf"])
    wait_until(lambda: len(list(tmp_path.glob("said.*"))) == 3, 60, "all three to listen to signals")
    pids = [state.pid for state in supervisor.states().values()]
    os.kill(int((tmp_path / "supervisord.pid").read_text()), signal.SIGKILL)
    wait_until(lambda: not supervisor.is_running(), 20, "supervisord to be gone")
    assert {stray.name for stray in find_strays(tmp_path)} == {"server", "service", "deaf"}
    stopped = stop_strays(tmp_path, programs, {"server"})
    assert stopped == ["deaf (killed: it did not end by itself)", "service", "server"]
    assert sorted(said.read_text().splitlines()[:2]) == ["deaf SIGTERM", "service SIGTERM"]
    assert said.read_text().splitlines()[2:] == ["server SIGINT"]
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in pids)
    assert find_strays(tmp_path) == []


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


def test_the_environment_of_a_program_takes_any_value_or_says_why_not(supervisor: Supervisor, tmp_path: Path) -> None:
    values = {"A": "100 %", "B": 'say "hi" now', "C": "it's", "D": "a,b=c;d#e", "E": ""}
    command = [sys.executable, "-c", f"import os; print({{n: os.environ.get(n) for n in {list(values)}}}, flush=True)"]
    supervisor.start([Program("one", command, values)], dies_with_parent=True)
    supervisor.start_programs(["one"])
    wait_until(lambda: str(values) in log_file(tmp_path, "one").read_text(), 20, "the program to print its environment")
    for wrong in ("""both ' and " """, "two\nlines", "a # b", "a ;b", "it's '"):
        with pytest.raises(StackError, match="A in the environment begins"):
            Program("one", [], {"A": wrong}).section(tmp_path)


def test_settings_of_the_start_are_not_inherited_for_ever(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYAHEAD_LOG_LEVEL", "debug")
    command = [sys.executable, "-c", "import os; print('level', os.environ.get('DAYAHEAD_LOG_LEVEL'), flush=True)"]
    supervisor.start([Program("one", command)], dies_with_parent=True)
    supervisor.start_programs(["one"])
    wait_until(lambda: "level None" in log_file(tmp_path, "one").read_text(), 20, "the program to print its level")
