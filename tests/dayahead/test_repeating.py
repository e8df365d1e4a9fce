"""Repeated work continues after any error, and its metrics show it."""

import threading

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from dayahead.errors import StorageError
from dayahead.repeating import Repeating, RepeatingThread
from tests.logged import logged_here
from tests.waiting import wait_until


def sampled(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


class Rounds:
    """Raises one error after the other, then works."""

    def __init__(self, errors: list[Exception]) -> None:
        self._errors = errors

    def __call__(self) -> None:
        if self._errors:
            raise self._errors.pop(0)


def test_no_error_ends_the_thread_and_each_is_counted_and_logged() -> None:
    closed = threading.Event()
    errors = [StorageError("TimescaleDB is away"), ZeroDivisionError("a fault"), RecursionError("too deep")]
    work = Rounds(list(errors))
    task = "test-any-error"
    with capture_logs() as logs, RepeatingThread(task, work, 0.001, expected=(StorageError,), close=closed.set):
        wait_until(
            lambda: sampled("dayahead_task_rounds_total", task=task, outcome="done") > 1, 20, "rounds after errors"
        )
        assert sampled("dayahead_task_alive", task=task) == 1
        assert sampled("dayahead_task_done_timestamp_seconds", task=task) > 0
        assert sampled("dayahead_task_interval_seconds", task=task) == 0.001
    assert sampled("dayahead_task_rounds_total", task=task, outcome="failed") == len(errors)
    wait_until(closed.is_set, 20, "the thread to close what it used")
    wait_until(lambda: not sampled("dayahead_task_alive", task=task), 20, "the thread to end")
    failed = [line for line in logs if line["event"] == "task_failed"]
    assert [line["task"] for line in failed] == [task] * len(errors)
    assert failed[0]["error"] == "StorageError: TimescaleDB is away"
    assert [bool(line.get("exc_info")) for line in failed] == [False, True, True]


def test_without_an_interval_nothing_is_done() -> None:
    task = "test-never"
    with RepeatingThread(task, lambda: None, 0):
        assert REGISTRY.get_sample_value("dayahead_task_alive", {"task": task}) is None


def test_an_error_that_repeats_is_logged_once_a_minute_and_one_of_a_round_cut_short_not_at_all() -> None:
    task, ended = "test-repeats", threading.Event()
    work = Rounds([StorageError("away"), StorageError("away"), StorageError("no such table"), StorageError("away")])
    repeated = RepeatingThread(task, work, 1, expected=(StorageError,), ended=ended)
    with logged_here() as logs:
        for _ in range(3):
            repeated.round()
        ended.set()
        repeated.round()
    assert [line["error"] for line in logs] == ["StorageError: away", "StorageError: no such table"]
    assert sampled("dayahead_task_rounds_total", task=task, outcome="failed") == 4


def test_leaving_what_repeats_waits_for_the_round_that_runs() -> None:
    running, goes_on = threading.Event(), threading.Event()
    done: list[str] = []

    def work() -> None:
        running.set()
        goes_on.wait(20)
        done.append(threading.current_thread().name)

    with Repeating(RepeatingThread("test-context", work, 0.001), leave_s=20):
        assert running.wait(20)
        threading.Timer(0.05, goes_on.set).start()
    assert done == ["test-context"]
