"""A line is JSON, whoever writes it, and the same is not said over and over."""

import json
import os
import subprocess
import sys

from dayahead.log_lines import OURS, RepeatedLines

WRITER = """
import logging, sys, threading, warnings
from dayahead.telemetry import speak_json
speak_json("worker")
import structlog
log = structlog.get_logger()
print("\\x1b[31mon standard output\\x1b[0m")
sys.stderr.write("half a ")
sys.stderr.write("line\\n")
warnings.warn("old ways")
logging.getLogger("aiokafka.conn").error("connection %d to %s failed", 7, {"a": 1})
logging.getLogger("kafka").error("wrong arguments %d", "x")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("faust").exception("broken")
for number in range(100):
    logging.getLogger("aiokafka").warning(f"Unable connect to node {number}")
    log.warning("server_retry", server="Kafka", pause_s=number / 7)
log.warning("server_retry", server="TimescaleDB", pause_s=1, odd={1: object()})
thread = threading.Thread(target=lambda: 1 / 0, name="other")
thread.start()
thread.join()
raise SystemError("not caught")
"""

PRINTED_TRACEBACK = """
import sys, traceback
from dayahead.telemetry import speak_json
speak_json("worker")
names = [f"step_{chr(97 + one // 26)}{chr(97 + one % 26)}" for one in range(60)]
program = "\\n".join(f"def {name}():\\n    {after}()" for name, after in zip(names, [*names[1:], "missing"]))
exec(compile(program, "/a-long-way" * 20 + "/steps.py", "exec"))
for _ in range(50):
    try:
        step_aa()
    except NameError:
        traceback.print_exc()
"""


def test_every_line_is_json_whatever_library_writes_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITER], capture_output=True, text=True, env=os.environ, timeout=60, check=False
    )
    assert done.returncode == 1
    lines = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert {line["service"] for line in lines} == {"worker"}
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    printed = [line["text"] for line in lines if line["event"] == "printed"]
    assert printed == ["\x1b[31mon standard output\x1b[0m", "half a line"]
    library = {(line["logger"], line["message"]) for line in lines if line["event"] == "library_log"}
    assert ("aiokafka.conn", "connection 7 to {'a': 1} failed") in library
    assert any(name == "py.warnings" and "old ways" in said for name, said in library)
    assert any("ZeroDivisionError" in line.get("exception", "") for line in lines if line.get("logger") == "faust")
    unable = [line for line in lines if line.get("message", "").startswith("Unable connect")]
    awaited = [line for line in lines if line["event"] == "server_retry"]
    assert len(unable) < 10
    assert len([line for line in awaited if line["server"] == "Kafka"]) < 50
    assert len([line for line in awaited if line["server"] == "TimescaleDB"]) == 1
    uncaught = [line for line in lines if line["event"] == "uncaught_exception"]
    assert [line.get("thread") for line in uncaught] == ["other", None]
    assert "SystemError: not caught" in uncaught[1]["exception"]


def test_no_line_of_a_printed_traceback_is_left_out_and_no_traceback_is_printed_over_and_over() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINTED_TRACEBACK], capture_output=True, text=True, timeout=60, check=True
    )
    printed = [json.loads(line)["text"] for line in done.stderr.splitlines()]
    assert "NameError: name 'missing' is not defined" in printed
    assert {f"in step_{chr(97 + one // 26)}{chr(97 + one % 26)}" for one in range(60)} <= {
        line.rpartition(", ")[2] for line in printed
    }
    assert printed.count("NameError: name 'missing' is not defined") == OURS


def test_lines_that_were_left_out_are_counted_in_the_next_one() -> None:
    now = [0.0]
    repeated = RepeatedLines(lambda: now[0], window_s=60)
    assert [repeated.pass_on(("a",), 2, "warning") for _ in range(5)] == [0, 0, None, None, None]
    assert repeated.pass_on(("b",), 2, "warning") == 0
    assert repeated.pass_on(("a",), 2, "critical") == 3
    assert repeated.pass_on(("a",), 2, "warning") is None
    now[0] = 60.0
    assert repeated.pass_on(("a",), 2, "warning") == 1
    assert repeated.pass_on(("a",), 2, "warning") == 0


def test_kinds_that_are_not_met_any_more_are_forgotten() -> None:
    now = [0.0]
    repeated = RepeatedLines(lambda: now[0], window_s=60)
    for number in range(5_000):
        now[0] += 1
        repeated.pass_on((str(number),), 2, "warning")
    assert repeated.kinds < 1_001
