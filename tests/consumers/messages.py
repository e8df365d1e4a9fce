"""Messages of the topics as the workers send them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from dayahead.contracts import DayAheadMessage, ForecastMessage, Rung, message_bytes
from stream.servers.kafka_output import KafkaOutput, Outgoing
from stream.servers.server_retry import ServerRetry
from tests.conftest import TopicRoom


def forecast(series_id: str, hour: int = 1, *, day: int = 24, unit: str = "kWh", leads: int = 24) -> bytes:
    """A forecast with the given origin."""
    origin = datetime(2023, 1, day, hour, tzinfo=UTC)
    return message_bytes(
        ForecastMessage(
            series_id=series_id,
            origin=origin,
            issued_at=origin.replace(minute=10),
            release="r-0123456789ab",
            rung=Rung.FULL,
            reasons=[],
            leads=leads,
            p50=[float(lead) for lead in range(leads)],
            p10=[lead - 0.5 for lead in range(leads)],
            p90=[lead + 0.5 for lead in range(leads)],
            unit=unit,
        )
    )


def day_ahead(series_id: str) -> bytes:
    """A day at a gate."""
    return message_bytes(
        DayAheadMessage(
            series_id=series_id,
            day=date(2023, 1, 25),
            gate="11:00",
            gate_at=datetime(2023, 1, 24, 10, tzinfo=UTC),
            time_zone="Europe/Copenhagen",
            starts_at=datetime(2023, 1, 24, 23, tzinfo=UTC),
            hours=24,
            complete=True,
            origin=datetime(2023, 1, 24, 8, tzinfo=UTC),
            issued_at=datetime(2023, 1, 24, 9, 10, tzinfo=UTC),
            release=None,
            rung=Rung.PROFILE,
            reasons=[],
            p50=[2.0] * 24,
            p10=[1.0] * 24,
            p90=[3.0] * 24,
            unit="kWh",
        )
    )


def send(topics: TopicRoom, messages: Sequence[bytes], *, keys: Sequence[str], topic: str = "forecasts") -> None:
    """Send as a worker does."""
    output = KafkaOutput(topics.bootstrap, ServerRetry())
    output.deliver(
        [
            Outgoing(topics.name(topic), message, key=key.encode(), partition=sum(key.encode()) % 2)
            for message, key in zip(messages, keys, strict=True)
        ]
    )


def send_forecasts(topics: TopicRoom, *series: str, hour: int = 1) -> None:
    """Send a forecast of each series."""
    send(topics, [forecast(one, hour) for one in series], keys=series)
