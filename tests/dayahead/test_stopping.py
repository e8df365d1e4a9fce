import signal
import threading

import pytest

from dayahead.stopping import stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_stop_signal_and_then_does_what_else_is_to_be_done(number: signal.Signals) -> None:
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    stop = threading.Event()
    seen: list[bool] = []
    try:
        stop_on_signals(stop, also=lambda: seen.append(stop.is_set()))
        signal.raise_signal(number)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert stop.is_set()
    assert seen == [True]
