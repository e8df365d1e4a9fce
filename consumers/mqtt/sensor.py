"""What the broker holds for a series: its forecast, and how Home Assistant finds it."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from consumers.forecast import Forecast
from dayahead.hours import format_utc

ENERGY_UNITS = frozenset({"Wh", "kWh", "MWh", "GWh", "TWh", "J", "kJ", "MJ", "GJ"})
"""Units that Home Assistant knows as energy."""

PLAIN = re.compile(r"[A-Za-z0-9-]+(/[A-Za-z0-9-]+)*")
ONLINE, OFFLINE = "online", "offline"
MANUFACTURER = "Dayahead"


@dataclass(frozen=True)
class Topics:
    """Names of the topics at the broker.

    Attributes:
        base: first part of all topics but those of discovery.
        discovery: prefix of Home Assistant; empty for none.
    """

    base: str
    discovery: str

    @property
    def status(self) -> str:
        """Says online or offline; the last will of the connection."""
        return f"{self.base}/status"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.discovery}/status"

    def forecast(self, series_id: str) -> str:
        """The forecast of a series."""
        return f"{self.base}/{slug(series_id)}/forecast"

    def config(self, series_id: str) -> str:
        """The discovery of a series."""
        return f"{self.discovery}/sensor/{object_id(self.base)}/{slug(series_id)}/config"


def slug(series_id: str) -> str:
    """Return a name of letters, digits, - and _ that no other series has."""
    if PLAIN.fullmatch(series_id):
        return series_id.replace("/", "_")
    return f"{object_id(series_id)}_{hashlib.sha256(series_id.encode()).hexdigest()[:8]}"


def object_id(text: str) -> str:
    """Replace what Home Assistant allows in no id."""
    return re.sub(r"[^A-Za-z0-9-]", "_", text)


def state_of(forecast: Forecast, now: datetime, most_hours: int) -> bytes:
    """Return the payload of a forecast: `now` is the state, all of it are the attributes.

    Args:
        forecast: the newest one of its series.
        now: the present moment; hours that are over are left out, and `now` is null where the forecast has ended.
        most_hours: that are published.
    """
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    first = forecast.first_hour
    over = max(0, (this_hour - first) // timedelta(hours=1))
    left = range(over, min(len(forecast.p50), over + most_hours))
    hours = [
        {
            "datetime": format_utc(first + timedelta(hours=number)),
            "value": forecast.p50[number],
            "low": forecast.p10[number],
            "high": forecast.p90[number],
        }
        for number in left
    ]
    is_now = bool(hours) and first + timedelta(hours=over) == this_hour
    return orjson.dumps(
        {
            "series_id": forecast.series_id,
            "now": forecast.p50[over] if is_now else None,
            "unit": forecast.unit,
            "origin": format_utc(forecast.origin),
            "issued_at": format_utc(forecast.issued_at),
            "release": forecast.release,
            "rung": forecast.rung.value,
            "forecast": hours,
        }
    )


def discovery_of(forecast: Forecast, topics: Topics, version: str) -> bytes:
    """Return the discovery of a series as a sensor.

    It has no state_class: a forecast does not belong into long-term statistics.

    Args:
        forecast: any of the series.
        topics: of the broker.
        version: of Dayahead.
    """
    base = object_id(topics.base)
    topic = topics.forecast(forecast.series_id)
    unit = forecast.unit.removesuffix("/h")
    config: dict[str, object] = {
        "name": f"{forecast.series_id} forecast",
        "unique_id": f"{base}_{slug(forecast.series_id)}",
        "default_entity_id": f"sensor.{base}_{slug(forecast.series_id)}".lower().replace("-", "_"),
        "state_topic": topic,
        "value_template": "{{ value_json.now }}",
        "json_attributes_topic": topic,
        "availability_topic": topics.status,
        "unit_of_measurement": unit,
        "icon": "mdi:chart-bell-curve",
        "device": {"identifiers": [base], "name": topics.base, "manufacturer": MANUFACTURER, "sw_version": version},
        "origin": {"name": MANUFACTURER, "sw_version": version},
    }
    if unit in ENERGY_UNITS:
        config["device_class"] = "energy"
    return orjson.dumps(config)
