"""`make up` on a live source: a publisher on this machine that goes by the wall clock, and revises its newest hour.

It has ten days of history, as a young source has: forecasts come from its profile, and nothing has to be trained. The
first model is tested with the sample (`test_live_service.py`).
"""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml

from dayahead.hours import wall_clock
from tests.dayahead.reading.kinds.conformance.loopback import serving
from tests.dayahead.reading.kinds.conformance.stand_in import Request, Response
from tests.end_to_end.conftest import service_up
from tests.waiting import wait_until

pytestmark = [pytest.mark.end_to_end, pytest.mark.servers, pytest.mark.timeout(420)]

HOUR = timedelta(hours=1)
HISTORY_H = 240
WRITTEN = "%Y-%m-%dT%H:%M:%SZ"
SITES = {"north": 300.0, "south": 80.0}


class Publisher:
    """Has every hour that is over, by the wall clock; the newest one is first published too low."""

    def __init__(self) -> None:
        self.is_final = False

    def answer(self, request: Request) -> Response:
        start, end = (
            datetime.strptime(request.parameter(name), WRITTEN).replace(tzinfo=UTC) for name in ("from", "to")
        )
        newest = newest_hour()
        hours = [start + number * HOUR for number in range(math.ceil((end - start) / HOUR))]
        records = [
            {
                "time": f"{hour:{WRITTEN}}",
                "site": site,
                "kwh": self.value(site, hour) - (0 if self.is_final else hour == newest),
            }
            for hour in hours
            if hour <= newest
            for site in SITES
        ]
        return Response(json.dumps(records))

    def value(self, site: str, hour: datetime) -> float:
        day = math.cos((hour.hour - 17) / 24 * 2 * math.pi) + 0.1 * (hour.weekday() < 5)
        return round(SITES[site] * (2 + day), 3)


def newest_hour() -> datetime:
    return wall_clock().replace(minute=0, second=0, microsecond=0) - HOUR


@pytest.fixture
def source(tmp_path: Path) -> Iterator[tuple[Path, Publisher]]:
    publisher = Publisher()
    with serving(publisher.answer) as (address, _):
        file = tmp_path / "sites.yaml"
        file.write_text(
            yaml.safe_dump(
                {
                    "name": "sites",
                    "kind": "http-json",
                    "title": "Two sites",
                    "url": f"{address}/load",
                    "params": {"from": "{start}", "to": "{end}"},
                    "window_days": 60,
                    "time_column": "time",
                    "key_columns": ["site"],
                    "value_column": "kwh",
                    "unit": "kWh",
                    "history_h": HISTORY_H,
                    "publication_lag_h": 1,
                    "revision_window_h": 3,
                    "poll_interval_s": 1,
                }
            )
        )
        yield file, publisher


def test_up_fetches_the_history_of_a_live_source_forecasts_it_and_goes_on_polling(
    source: tuple[Path, Publisher], tmp_path: Path
) -> None:
    file, publisher = source
    folder = tmp_path / "service"
    folder.mkdir()
    with service_up(folder, "live-source", DAYAHEAD_SOURCE=str(file)) as service:
        assert "127.0.0.1 answers" in service.output
        assert "2 series have a forecast" in service.output
        assert "waits for history" in service.output
        for site in SITES:
            found = httpx.get(f"{service.url}/v1/forecasts/{site}").json()
            origin = datetime.fromisoformat(found["origin"])
            assert origin >= newest_hour() - HOUR
            expected = [publisher.value(site, origin + lead * HOUR) for lead in range(1, 25)]
            assert found["p50"][:24] == pytest.approx(expected, rel=0.25)
        publisher.is_final = True
        hour = newest_hour()

        def revised() -> bool:
            observed = httpx.get(f"{service.url}/v1/observations/north").json()
            values = dict(zip(observed["valid_time"], observed["value"], strict=True))
            return values.get(f"{hour:{WRITTEN}}") == publisher.value("north", hour)

        wait_until(revised, 60, "the revised hour to be observed")
