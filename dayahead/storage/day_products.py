"""Encodes day products, in one place, so that Kafka and the API send the same bytes."""

import orjson

from dayahead.contracts import Reason, Rung
from dayahead.horizon import DAY_LEADS
from dayahead.hours import format_utc
from dayahead.storage.tables.day_ahead import DayProduct


def product_key(product: DayProduct) -> bytes:
    """The key in topic `day-ahead`: labels of a series_id have no | (it is percent-encoded)."""
    return f"{product.series_id}|{product.day.isoformat()}|{product.gate}".encode()


def product_bytes(product: DayProduct) -> bytes:
    """Encode a `DayAheadMessage`: a function of the row only, so that what is sent again is the same."""
    return orjson.dumps(
        {
            "series_id": product.series_id,
            "day": product.day,
            "gate": product.gate,
            "gate_at": format_utc(product.gate_at),
            "time_zone": product.time_zone,
            "starts_at": format_utc(product.starts_at),
            "hours": product.hours,
            "complete": len(product.p50) == product.hours,
            "origin": format_utc(product.origin),
            "issued_at": format_utc(product.issued_at),
            "release": product.release,
            "rung": product_rung(product),
            "reasons": Reason.codes(product.reasons),
            "p50": product.p50,
            "p10": product.p10,
            "p90": product.p90,
            "unit": product.unit,
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def product_rung(product: DayProduct) -> int:
    """The worst rung of the hours: a later day of the horizon may be the profile's where the first is a model's."""
    first, last = product.first_lead - 1, product.first_lead + len(product.p50) - 2
    days = range(first // DAY_LEADS, last // DAY_LEADS + 1)
    return max(int(Rung.PROFILE) if product.floor_days >> day & 1 else product.rung for day in days)
