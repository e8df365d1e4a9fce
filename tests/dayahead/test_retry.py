import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayahead.errors import SourceRefused, SourceUnavailable, Stopped
from dayahead.retry import Backoff, retry


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(first_s=1, longest_s=10, draw=lambda: 1.0)
    assert [backoff.next_pause_s() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert backoff.next_pause_s() == 1


@given(st.floats(0, 1), st.integers(0, 200))
def test_a_pause_is_anywhere_between_nothing_and_its_bound(draw: float, failures: int) -> None:
    backoff = Backoff(first_s=1, longest_s=300, draw=lambda: draw)
    for _ in range(failures):
        backoff.next_pause_s()
    assert 0 <= backoff.next_pause_s() <= 300


@given(st.floats(0, 1), st.floats(0, 1000))
def test_what_the_source_asks_for_is_waited_for_in_full(draw: float, asked: float) -> None:
    assert Backoff(draw=lambda: draw).next_pause_s(asked) >= asked


def test_a_source_that_asks_for_years_is_asked_again_after_an_hour() -> None:
    assert Backoff(draw=lambda: 0.0).next_pause_s(1e13) == 3600


class Away:
    """Fails with each error in turn, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_an_operation_is_retried_until_it_works_and_a_retry_after_is_honoured() -> None:
    noted: list[tuple[str, float]] = []
    paused: list[float] = []
    backoff = Backoff(draw=lambda: 1.0)
    answer = retry(
        Away(ConnectionError("a"), SourceUnavailable("b", retry_after_s=30), ConnectionError("c")),
        (ConnectionError, SourceUnavailable),
        backoff=backoff,
        pause=paused.append,
        on_failure=lambda error, pause_s: noted.append((str(error), pause_s)),
    )
    assert answer == "answer"
    assert noted == [("a", 1.0), ("b", 32.0), ("c", 4.0)]
    assert paused == [1.0, 32.0, 4.0]
    assert backoff.next_pause_s() == 1.0


def test_any_other_error_is_not_retried() -> None:
    with pytest.raises(SourceRefused):
        retry(
            Away(SourceRefused("no")),
            (SourceUnavailable,),
            backoff=Backoff(),
            pause=lambda _: pytest.fail("it waited"),
            on_failure=lambda *_: pytest.fail("it was counted"),
        )


def test_the_attempt_that_is_the_last_one_fails_with_its_own_error() -> None:
    paused: list[float] = []
    with pytest.raises(ConnectionError, match="second"):
        retry(
            Away(ConnectionError("first"), ConnectionError("second"), ConnectionError("third")),
            (ConnectionError,),
            backoff=Backoff(),
            pause=paused.append,
            on_failure=lambda *_: None,
            attempts=2,
        )
    assert len(paused) == 1


def test_a_pause_ends_as_soon_as_the_process_is_asked_to_stop() -> None:
    stop = threading.Event()
    with pytest.raises(Stopped):
        retry(
            Away(ConnectionError()),
            (ConnectionError,),
            backoff=Backoff(first_s=3600, draw=lambda: 1.0),
            pause=stop.wait,
            on_failure=lambda *_: stop.set(),
        )
