from threading import Event, Thread

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from dayahead.models.serving.arithmetic import one_thread, product


@pytest.mark.parametrize("outputs", [24, 80, 3])
def test_a_product_adds_in_the_order_of_its_terms_whatever_else_is_in_it(outputs: int) -> None:
    rng = np.random.default_rng(outputs)
    rows = rng.lognormal(0, 2, (70, 864)).astype(np.float32)
    weights = rng.normal(0, 1, (864, outputs)).astype(np.float32)
    sums = np.zeros((len(rows), outputs), np.float32)
    for place in range(len(weights)):
        sums += rows[:, place, None] * weights[place]
    assert product(rows, weights).tobytes() == sums.tobytes()
    for row in range(len(rows)):
        assert product(rows[[row]], weights).tobytes() == sums[row].tobytes()
    assert product(rows[:0], weights).shape == (0, outputs)


@pytest.mark.parametrize("shape", [(864, 860), (6, 6)])
def test_a_product_of_shapes_that_do_not_fit_is_refused(shape: tuple[int, int]) -> None:
    terms, rows = shape
    with pytest.raises(ValueError, match=f"{terms} columns times {rows} rows"):
        product(np.zeros((1, terms), np.float32), np.zeros((rows, 2), np.float32))


def blas_threads() -> set[int]:
    return {one["num_threads"] for one in ThreadpoolController().select(user_api="blas").info()}


def test_blas_has_one_thread_until_the_last_of_several_threads_leaves() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        if blas_threads() != {2}:
            pytest.skip("BLAS here has one thread at most")
        entered, may_leave = Event(), Event()

        def other() -> None:
            with one_thread():
                entered.set()
                may_leave.wait(10)

        thread = Thread(target=other)
        thread.start()
        assert entered.wait(10)
        with one_thread(rescan=True):
            may_leave.set()
            thread.join(10)
            assert blas_threads() == {1}
        assert blas_threads() == {2}


def test_an_error_within_a_block_ends_it() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        with pytest.raises(RuntimeError), one_thread():
            raise RuntimeError
        assert blas_threads() == before
