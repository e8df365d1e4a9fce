from collections.abc import Callable
from itertools import count

import pytest

from dayahead.errors import StackError
from deploy.local.waiting import wait_on_progress


class Second:
    """A clock that moves by one second a look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_what_moves_is_waited_for_however_long_it_takes() -> None:
    looks = count()
    parts = count()
    wait_on_progress(lambda: next(looks) > 1_000, lambda: next(parts) // 20, 60, "a model", pause_s=0, clock=Second())


def test_no_progress_is_a_timeout_whose_message_has_the_last_progress() -> None:
    parts = iter([*range(7), *[7] * 1_000])
    with pytest.raises(StackError, match=r"waited for a model, without progress for 60 s \(last progress: 7\)"):
        wait_on_progress(lambda: False, lambda: next(parts), 60, "a model", pause_s=0, clock=Second())


@pytest.mark.parametrize("one", [lambda number: number, lambda number: (3, number)], ids=["number", "several"])
def test_what_goes_back_and_forth_makes_no_progress(one: Callable[[int], float | tuple[int, int]]) -> None:
    looks = count()
    with pytest.raises(StackError, match="without progress for 60 s"):
        wait_on_progress(
            lambda: next(looks) > 1_000, lambda: one(next(looks) % 2), 60, "a model", pause_s=0, clock=Second()
        )
