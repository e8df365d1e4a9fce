"""Live means: partitions, and offsets that move or nothing that waits."""

from stream.group.liveness import Liveness


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make() -> tuple[Liveness, Seconds, list[str | None]]:
    seconds, awaited = Seconds(), [None]
    return Liveness(100, seconds, lambda: awaited[0]), seconds, awaited  # type: ignore[return-value]


def beat(liveness: Liveness, offsets: dict[int, int], lags: dict[int, int]) -> None:
    liveness.beat(offsets, lags, ready=bool(offsets), trouble=None)


def test_a_worker_without_partitions_is_not_live_after_a_while() -> None:
    liveness, seconds, _ = make()
    for seconds.now in range(0, 100, 10):
        beat(liveness, {}, {})
        assert liveness.live().ok
    seconds.now = 101
    beat(liveness, {}, {})
    assert not liveness.live().ok
    assert "no partition" in liveness.live().reason
    assert not liveness.ready().ok


def test_no_progress_while_messages_wait_is_not_live() -> None:
    liveness, seconds, _ = make()
    for seconds.now in (0, 60, 120):
        beat(liveness, {0: 5, 1: 7}, {0: 0, 1: 3})
    assert not liveness.live().ok
    assert "partition 1 has stood at offset 7" in liveness.live().reason
    beat(liveness, {0: 5, 1: 8}, {0: 0, 1: 2})
    assert liveness.live().ok


def test_an_idle_worker_is_live() -> None:
    liveness, seconds, _ = make()
    for seconds.now in range(0, 1000, 50):
        beat(liveness, {0: 5}, {0: 0})
    assert liveness.live().ok
    assert liveness.ready().ok


def test_a_worker_that_waits_for_a_server_is_live_but_not_ready() -> None:
    liveness, seconds, awaited = make()
    awaited[0] = "TimescaleDB"
    for seconds.now in range(0, 1000, 50):
        beat(liveness, {0: 5}, {0: 9})
    assert liveness.live().ok
    assert not liveness.ready().ok
    assert "TimescaleDB" in liveness.ready().reason


def test_a_blocked_event_loop_is_not_live() -> None:
    liveness, seconds, _ = make()
    beat(liveness, {0: 5}, {0: 0})
    seconds.now = 101
    assert not liveness.live().ok
