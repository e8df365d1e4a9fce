from datetime import UTC, datetime, timedelta

import pytest

from stream.commit import freshness
from stream.intake.decode import DecodedMessage
from stream.servers.log_reader import LogMessage

NOW = datetime(2023, 1, 24, 22, 0, 30, tzinfo=UTC)


def message(offset: int, age_s: float | None) -> LogMessage:
    received = None if age_s is None else int((NOW - timedelta(seconds=age_s)).timestamp() * 1e6)
    return LogMessage(offset, b"", received)


def counted(decoded: DecodedMessage, age_s: float | None) -> tuple[float, float, float]:
    def values() -> list[float]:
        return [freshness.IN_TIME._value.get(), freshness.LATE._value.get(), freshness.SECONDS._sum.get()]

    before = values()
    freshness.count([decoded], {decoded.offset: message(decoded.offset, age_s)}, NOW, within_s=10.0)
    in_time, late, seconds = (after - old for after, old in zip(values(), before, strict=True))
    return in_time, late, seconds


def test_hours_count_by_whether_their_message_was_done_within_the_objective() -> None:
    assert counted(DecodedMessage(1, hours=[5, 6, 7]), 9.5) == pytest.approx((3, 0, 9.5))
    assert counted(DecodedMessage(2, hours=[5, 6]), 11.0) == pytest.approx((0, 2, 11.0))


def test_a_clock_that_is_behind_the_brokers_makes_no_negative_time() -> None:
    assert counted(DecodedMessage(1, hours=[5]), -3.0) == (1, 0, 0)


@pytest.mark.parametrize(
    ("decoded", "age_s"),
    [
        (DecodedMessage(1, hours=[5], refresh=False), 100.0),
        (DecodedMessage(1, hours=[]), 100.0),
        (DecodedMessage(1, hours=[5]), None),
    ],
)
def test_history_rejected_messages_and_those_outside_the_log_do_not_count(
    decoded: DecodedMessage, age_s: float | None
) -> None:
    assert counted(decoded, age_s) == (0, 0, 0)
