from threading import Event, Thread

import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from dayahead.models.serving.blas import one_thread


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
