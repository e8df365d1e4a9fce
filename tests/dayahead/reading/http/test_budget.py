import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayahead.errors import SourceUnavailable, Stopped
from dayahead.reading.http.budget import LONGEST_WAIT_S, Budgets
from dayahead.reading.http.rate import Rate
from dayahead.retry import LONGEST_ASKED_S
from tests.ingest.building import ManualTime


def test_requests_are_kept_apart() -> None:
    time = ManualTime()
    budget = Budgets(monotonic=time.monotonic).of("host")
    for _ in range(3):
        budget.wait_turn([Rate(1, 60)], time.pause)
    time.seconds += 45
    budget.wait_turn([Rate(1, 60)], time.pause)
    assert time.pauses == [60, 60, 15]


@given(st.integers(1, 5), st.floats(0.5, 30), st.integers(0, 2**32))
def test_no_window_has_more_requests_than_the_rate(requests: int, seconds: float, seed: int) -> None:
    time, draw = ManualTime(), random.Random(seed)
    budget = Budgets(monotonic=time.monotonic).of("host")
    sent = []
    for _ in range(30):
        budget.wait_turn([Rate(requests, seconds)], time.pause)
        sent.append(time.seconds)
        time.seconds += draw.choice([0, seconds / 7, seconds])
    assert all(later - earlier >= seconds - 1e-6 for earlier, later in zip(sent, sent[requests:], strict=False))


def test_every_rate_of_a_publisher_holds() -> None:
    time = ManualTime()
    budget = Budgets(monotonic=time.monotonic).of("host")
    for _ in range(5):
        budget.wait_turn([Rate(2, 1), Rate(4, 100)], time.pause)
    assert time.pauses == [1, 99]


def test_sources_of_one_publisher_share_a_budget_and_those_of_another_do_not() -> None:
    time = ManualTime()
    budgets = Budgets(monotonic=time.monotonic)
    for host, scope, key in [("a", "", ""), ("b", "", ""), ("a", "dataset", ""), ("a", "", "1234")]:
        budgets.of(host, scope, key).wait_turn([Rate(1, 60)], time.pause)
    assert time.pauses == []
    budgets.of("a").wait_turn([Rate(1, 60)], time.pause)
    assert time.pauses == [60]


def test_no_rate_is_no_limit() -> None:
    time = ManualTime()
    for _ in range(100):
        Budgets(monotonic=time.monotonic).of("host").wait_turn([], time.pause)
    assert time.pauses == []


def test_waiting_for_its_turn_ends_when_the_process_is_asked_to_stop() -> None:
    budget = Budgets(monotonic=lambda: 0.0).of("host")
    budget.wait_turn([Rate(1, 60)], lambda _: True)
    with pytest.raises(Stopped):
        budget.wait_turn([Rate(1, 60)], lambda _: True)


def test_a_closed_budget_fails_requests_at_once_with_the_time_to_wait() -> None:
    time = ManualTime()
    budget = Budgets(monotonic=time.monotonic).of("api.example.org", "dataset")
    budget.close(600)
    with pytest.raises(SourceUnavailable, match=r"requests to api\.example\.org .* 600 s") as caught:
        budget.wait_turn([Rate(400, 60)], time.pause)
    assert (caught.value.retry_after_s, caught.value.cause, time.pauses) == (600, "rate_limited", [])
    time.seconds += 600
    budget.wait_turn([Rate(400, 60)], time.pause)


def test_the_later_end_of_two_closings_holds() -> None:
    time = ManualTime()
    budget = Budgets(monotonic=time.monotonic).of("host")
    budget.close(100)
    budget.close(10)
    budget.wait_turn([], time.pause)
    assert time.pauses == [100]


def test_a_publisher_that_asks_for_more_than_an_hour_is_asked_after_an_hour() -> None:
    time = ManualTime()
    budget = Budgets(monotonic=time.monotonic).of("host")
    budget.close(1e9)
    time.seconds += LONGEST_ASKED_S
    budget.wait_turn([], time.pause)
    assert time.pauses == []


def test_a_turn_that_others_take_again_and_again_is_given_up_after_two_minutes() -> None:
    time = ManualTime()
    budget = Budgets(monotonic=time.monotonic).of("host")

    def overtaken(seconds: float) -> bool:
        time.pause(seconds)
        budget.wait_turn([Rate(1, 50)], time.pause)
        return False

    budget.wait_turn([Rate(1, 50)], time.pause)
    with pytest.raises(SourceUnavailable, match="raise poll_interval_s"):
        budget.wait_turn([Rate(1, 50)], overtaken)
    assert time.seconds <= LONGEST_WAIT_S
