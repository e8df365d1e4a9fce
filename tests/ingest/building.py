"""Sources, records and a replay for the tests of ingest."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.testclient import TestClient

from dayahead.hours import Hour, from_hour, to_hour
from dayahead.reading.http.budget import Budgets
from dayahead.reading.http.fetcher import Fetcher
from dayahead.reading.kinds.energi_data_service import EnergiDataService
from dayahead.reading.source_file import load_source
from dayahead.source import Source
from ingest.replay.app import make_app
from ingest.replay.clock import Pace, ReplayClock
from ingest.replay.faults import Fault, Faults
from ingest.replay.records import ReplayRecords

CHECKOUT = Path(__file__).parents[2]
SOURCES = CHECKOUT / "ingest" / "sources"
SAMPLE = CHECKOUT / "ingest" / "sample" / "ConsumptionDE35Hour.parquet"
SAMPLE_SOURCE = SOURCES / "consumption-de35-hour.yaml"

NOW = datetime(2023, 1, 25, tzinfo=UTC)
FIRST = to_hour(datetime(2023, 1, 1, tzinfo=UTC))


def make_source(**changes: Any) -> Source:
    """A source of two labels, in UTC, hourly."""
    fields: dict[str, Any] = {
        "name": "test-source",
        "kind": "energi-data-service",
        "title": "A test",
        "url": "http://source.test",
        "dataset": "Test",
        "time_column": "HourUTC",
        "key_columns": ["Area", "Type"],
        "value_column": "kWh",
        "unit": "kWh",
        "minimum": 0,
        "maximum": 1000,
        "revision_window_h": 3,
        "poll_interval_s": 0.01,
    }
    return Source.model_validate({**fields, **changes})


def make_record(hour: Hour = FIRST, value: object = 1.5, area: str = "DK1", kind: str = "111") -> dict[str, object]:
    """A record of `make_source`."""
    text = from_hour(hour).replace(tzinfo=None).isoformat()
    return {"HourUTC": text, "Area": area, "Type": kind, "kWh": value}


def make_records(hours: int, series: int = 2, first: Hour = FIRST) -> list[dict[str, object]]:
    """Records of some series over some hours, each value another."""
    return [
        make_record(first + hour, hour + number / 10, kind=f"{number:03d}")
        for hour in range(hours)
        for number in range(series)
    ]


def replay_records(records: Iterable[dict[str, object]]) -> ReplayRecords:
    """Records as the replay holds them."""
    dated = sorted(((to_hour(_utc(record["HourUTC"])), record) for record in records), key=lambda pair: pair[0])
    return ReplayRecords(
        columns=["HourUTC", "Area", "Type", "kWh"],
        records=[record for _, record in dated],
        record_hours=[hour for hour, _ in dated],
        hours=sorted({hour for hour, _ in dated}),
    )


def _utc(text: object) -> datetime:
    return datetime.fromisoformat(str(text)).replace(tzinfo=UTC)


class ManualTime:
    """A clock that stands until it is moved; as a pause it moves at once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.seconds += seconds
        return False


def replay_client(
    records: Iterable[dict[str, object]],
    source: Source | None = None,
    published_until: Hour | None = None,
    faults: Iterable[Fault] = (),
    pace: Pace | None = None,
    time: ManualTime | None = None,
    min_request_interval_s: float = 0.0,
) -> TestClient:
    """A client of a replay in this process; all of the records are published unless said otherwise."""
    held = replay_records(records)
    time = time or ManualTime()
    end = published_until if published_until is not None else held.hours[-1] + 1
    clock = ReplayClock(held.hours, end, pace or Pace(seconds_per_hour=1e9), monotonic=time.monotonic)
    app = make_app(source or make_source(), held, clock, Faults(faults), min_request_interval_s, time.monotonic)
    return TestClient(app, base_url="http://source.test", raise_server_exceptions=True)


def reader_of(
    client: httpx.Client,
    source: Source | None = None,
    clock: Callable[[], datetime] = lambda: NOW,
    answer_timeout_s: float = 300.0,
    **options: Any,
) -> EnergiDataService:
    """A reader that asks through a client, at any rate; where the publisher asks it to wait, its own clock moves on."""
    source, time = source or make_source(), ManualTime()
    dataset = (source.model_extra or {})["dataset"]
    advice = f"Check dataset and columns of source {source.name}."
    fetcher = Fetcher(
        client,
        what=f"dataset {dataset}",
        clock=clock,
        pause=time.pause,
        budget=Budgets(monotonic=time.monotonic).of("source.test"),
        advice=advice,
        answer_timeout_s=answer_timeout_s,
    )
    return EnergiDataService(source, fetcher, **options)


def sample_source() -> Source:
    """The source of the shipped sample."""
    return load_source(SAMPLE_SOURCE)
