"""A webhook made of a message of `forecasts` or `day-ahead`."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

import orjson
from pydantic import ValidationError

from consumers.forecast import Forecast
from consumers.webhooks.receivers import EventType, Format
from dayahead.hours import format_utc

LONGEST_FAULT = 500


@dataclass(frozen=True)
class Event:
    """What is posted to a receiver.

    Attributes:
        webhook_id: made of the content: the same message gets the same id, also if it is sent or read twice.
        series_id: its series.
        body: JSON with type, timestamp and data.
    """

    webhook_id: str
    series_id: str
    body: bytes


def event_of(kind: EventType, message: bytes, form: Format) -> Event:
    """Make the event of a message.

    Args:
        kind: of the event.
        message: value of the Kafka message.
        form: how the data are written.

    Raises:
        ValueError: the message is none of ours; the text says why.
    """
    try:
        sent = Forecast.model_validate_json(message)
        data = message if form is Format.MESSAGE else _hours(sent)
    except ValidationError as error:
        raise ValueError(_faults(error)) from error
    body = b'{"type":"%b","timestamp":"%b","data":%b}' % (
        kind.encode(),
        format_utc(sent.issued_at).encode(),
        data,
    )
    digest = hashlib.sha256(f"{kind}\0".encode() + message).hexdigest()
    return Event(f"msg_{digest[:32]}", sent.series_id, body)


def _hours(sent: Forecast) -> bytes:
    first = sent.first_hour
    return orjson.dumps(
        {
            "series_id": sent.series_id,
            "origin": format_utc(sent.origin),
            "issued_at": format_utc(sent.issued_at),
            "release": sent.release,
            "rung": sent.rung.value,
            "unit": sent.unit,
            "hours": [
                {"valid_time": format_utc(first + timedelta(hours=number)), "p10": p10, "p50": p50, "p90": p90}
                for number, (p10, p50, p90) in enumerate(zip(sent.p10, sent.p50, sent.p90, strict=True))
            ],
        }
    )


def _faults(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'message'}: {one['msg']}" for one in error.errors())[
        :LONGEST_FAULT
    ]
