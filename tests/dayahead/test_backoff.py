from hypothesis import given
from hypothesis import strategies as st

from dayahead.backoff import Backoff


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
