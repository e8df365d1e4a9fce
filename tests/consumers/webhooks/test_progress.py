from hypothesis import given
from hypothesis import strategies as st

from consumers.webhooks.progress import Place, Progress


def place(offset: int, partition: int = 0) -> Place:
    return Place("forecasts", partition, offset)


@given(st.permutations(range(10, 20)), st.integers(0, 10))
def test_an_offset_is_committable_when_all_before_it_are_done(order: list[int], done: int) -> None:
    progress = Progress()
    progress.start({("forecasts", 0): 10})
    for offset in range(10, 20):
        progress.begin([place(offset)], float(offset))
    for offset in order[:done]:
        progress.done(place(offset))
    left = order[done:]
    assert progress.committable() == {("forecasts", 0): min(left, default=20)}
    assert progress.oldest() == min(left, default=0)


def test_partitions_of_another_process_are_forgotten() -> None:
    progress = Progress()
    progress.start({("forecasts", 0): 5, ("forecasts", 1): 7})
    progress.begin([place(5)], 1.0)
    progress.begin([place(7, 1)], 2.0)
    progress.forget([("forecasts", 0)])
    progress.done(place(5))
    assert progress.committable() == {("forecasts", 1): 7}
    assert progress.oldest() == 2.0
