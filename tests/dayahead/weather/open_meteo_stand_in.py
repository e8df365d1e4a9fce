"""Stands for a server of Open-Meteo, written after its documentation and its open source; shares no code with the kind.

It has runs of one model. A value says of which run, place and time it is, so that a test sees what was read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import orjson

from tests.dayahead.reading.kinds.conformance.stand_in import Request, Response

INSTANTS = ("temperature_2m", "wind_speed_10m", "relative_humidity_2m")
UNITS = {
    "temperature_2m": {"celsius": "°C", "fahrenheit": "°F"},
    "wind_speed_10m": {"kmh": "km/h", "ms": "m/s"},
    "relative_humidity_2m": {"": "%"},
    "shortwave_radiation": {"": "W/m²"},
}
RUN_PASSED = "The requested model run is not available. Model: dwd_icon_eu, run: {:%Y-%m-%dT%H:%MZ}"


def celsius(latitude: float, run: datetime, moment: datetime) -> float:
    """The temperature that a run has for a moment."""
    return round(latitude / 10 + run.hour / 100 + run.day / 1000 + (moment.timestamp() // 3600 % 500) / 50, 6)


def watts(moment: datetime) -> float:
    """The radiation at a moment: a straight line, so that the mean of an hour is that at its middle."""
    return moment.timestamp() / 36 % 1000


@dataclass
class OpenMeteoStandIn:
    """What the server has and how it answers.

    Attributes:
        now: its clock.
        runs: start of each run -> when it was there.
        horizon_h: hours of a run; later ones are null.
        key: the only one that is accepted; None: it is not asked for.
        fahrenheit: whether it answers in °F and km/h, whatever is asked for.
        limit: calls that it allows; None: any number.
        calls: made so far, each location counted once.
        late: whether it finds out only while it answers that a run is missing.
    """

    now: datetime
    runs: dict[datetime, datetime] = field(default_factory=dict)
    horizon_h: int = 120
    key: str | None = None
    fahrenheit: bool = False
    limit: int | None = None
    limit_name: str = "Minutely"
    calls: int = 0
    late: bool = False

    def answer(self, request: Request) -> Response:  # noqa: PLR0911 - one for each of its errors
        """The response to a request."""
        query = {name: values[0] for name, values in request.query.items()}
        if request.path == "/data/dwd_icon_eu/static/meta.json":
            newest = max(start for start, there in self.runs.items() if there <= self.now)
            return Response(
                orjson.dumps(
                    {
                        "last_run_initialisation_time": int(newest.timestamp()),
                        "last_run_availability_time": int(self.runs[newest].timestamp()),
                        "temporal_resolution_seconds": 3600,
                        "update_interval_seconds": 10800,
                    }
                )
            )
        if request.path != "/v1/forecast":
            return Response(orjson.dumps({"error": True, "reason": "Not Found"}), status=404)
        if self.key is not None and query.get("apikey") != self.key:
            return refusal("The supplied API key is invalid.")
        if self.limit is not None and self.calls >= self.limit:
            when = {"Minutely": "in one minute", "Hourly": "in the next hour", "Daily": "tomorrow"}[self.limit_name]
            return refusal(f"{self.limit_name} API request limit exceeded. Please try again {when}.", 429)
        places = list(zip(query["latitude"].split(","), query["longitude"].split(","), strict=True))
        self.calls += len(places)
        if query["models"] != "icon_eu":
            return refusal(
                f"Data corrupted at path ''. Cannot initialize MultiDomains from invalid String value {query['models']}"
            )
        if "run" in query:
            run = datetime.fromisoformat(query["run"]).replace(tzinfo=UTC)
            if run not in self.runs or self.runs[run] > self.now:
                if self.late:
                    text = "Unexpected error while streaming data: modelRunUnavailable(model: dwd_icon_eu)"
                    return Response(b'{"latitude":55.0,' + text.encode())
                return refusal(RUN_PASSED.format(run))
            first, count = run, int(query["forecast_hours"])
        else:
            first = datetime.fromisoformat(query["start_hour"]).replace(tzinfo=UTC)
            last = datetime.fromisoformat(query["end_hour"]).replace(tzinfo=UTC)
            if last > self.now + timedelta(days=16):
                return refusal("Parameter 'end_hour' is out of allowed range from 2016-01-01 to 2026-07-18")
            run, count = None, int((last - first).total_seconds()) // 3600 + 1
        times = [first + timedelta(hours=hour) for hour in range(count)]
        answers = [
            self._place(float(latitude), number, times, run, query) for number, (latitude, _) in enumerate(places)
        ]
        return Response(orjson.dumps(answers if len(answers) > 1 else answers[0]))

    def _place(
        self, latitude: float, number: int, times: list[datetime], run: datetime | None, query: Mapping[str, str]
    ) -> dict[str, object]:
        hourly: dict[str, object] = {"time": [int(time.timestamp()) for time in times]}
        units = {"time": "unixtime"}
        for name in query["hourly"].split(","):
            base, _, back = name.partition("_previous_day")
            wanted = {"temperature_2m": "temperature_unit", "wind_speed_10m": "wind_speed_unit"}.get(base, "")
            unit = query.get(wanted, "")
            if self.fahrenheit:
                unit = {"celsius": "fahrenheit", "ms": "kmh"}.get(unit, unit)
            units[name] = UNITS[base][unit]
            hourly[name] = [self._value(latitude, base, int(back or 0), time, run, unit) for time in times]
        place = {} if number == 0 else {"location_id": number}
        return {"latitude": latitude, "utc_offset_seconds": 0, **place, "hourly_units": units, "hourly": hourly}

    def _value(
        self, latitude: float, base: str, back: int, time: datetime, run: datetime | None, unit: str
    ) -> float | None:
        there = [start for start, available in self.runs.items() if available <= self.now]
        before = [start for start in there if start <= time - timedelta(days=back)]
        run = run or max(before, default=None)
        if run is None or time - run > timedelta(hours=self.horizon_h):
            return None
        if base == "shortwave_radiation":
            return None if time == run else watts(time - timedelta(minutes=30))
        if base == "temperature_2m":
            value = celsius(latitude, run, time)
            return value * 1.8 + 32 if unit == "fahrenheit" else value
        return {"wind_speed_10m": 36.0 if unit == "kmh" else 10.0, "relative_humidity_2m": 80.0}[base]


def refusal(reason: str, status: int = 400) -> Response:
    """An error as the server states it."""
    return Response(orjson.dumps({"error": True, "reason": reason}), status=status)
