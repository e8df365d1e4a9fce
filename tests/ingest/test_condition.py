from dayahead.telemetry import Health
from ingest.condition import GRACE_S, Condition, all_of
from tests.ingest.building import ManualTime


def test_a_poller_is_not_ready_before_its_first_poll() -> None:
    condition = Condition("a")
    assert condition.ready() == Health(False, "a: not polled yet")
    assert condition.live().ok


def test_a_failure_is_the_reason_until_the_next_success() -> None:
    condition = Condition("a")
    condition.failed("Kafka is away")
    assert condition.ready() == Health(False, "a: Kafka is away")
    condition.succeeded("3 rows")
    assert condition.ready() == Health(True, "a: 3 rows")


def test_a_loop_is_alive_while_it_rests_and_stuck_when_it_overstays() -> None:
    time = ManualTime()
    condition = Condition("a", time.monotonic)
    condition.resting(3600)
    time.seconds = 3600 + GRACE_S
    assert condition.live().ok
    time.seconds += 10
    assert condition.live() == Health(False, "a: the loop has not moved for 310 s: restart it")


def test_a_poll_that_came_through_or_failed_shows_that_the_loop_moves() -> None:
    for moved in (Condition.succeeded, Condition.failed):
        time = ManualTime()
        condition = Condition("a", time.monotonic)
        time.seconds = GRACE_S
        moved(condition, "a sentence")
        time.seconds += GRACE_S
        assert condition.live().ok


def test_several_pollers_are_well_only_together_and_the_unwell_are_named() -> None:
    assert all_of([Health(True, "a"), Health(False, "b: away")]) == Health(False, "b: away")
    assert all_of([Health(True, "a"), Health(True, "b")]) == Health(True, "a; b")
