"""A worker counts the expired forecasts of each source by the clock of that source."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from prometheus_client import REGISTRY

from dayahead.contracts import Rung
from dayahead.hours import from_hour, to_hour
from dayahead.source import Source
from dayahead.storage.tables.series import RegisteredSeries
from dayahead.storage.tables.source import RegisteredSource
from stream.partition.metrics import show_series
from stream.partition.state import PartitionState

NEWEST = to_hour(datetime(2024, 1, 10, 12, tzinfo=UTC))


def source(name: str, clock: str) -> Source:
    return Source(
        name=name,
        kind="push",
        title=name,
        time_column="t",
        key_columns=["a"],
        value_column="v",
        unit="kWh",
        clock=clock,
    )


def shown(name: str, source_name: str) -> float:
    return REGISTRY.get_sample_value(name, {"source": source_name}) or 0.0


@pytest.mark.parametrize(("clock", "expired"), [("wall", 2), ("replay", 1)])
def test_expired_forecasts_are_counted_by_the_clock_of_their_source(clock: str, expired: int) -> None:
    name = f"expiry-{clock}"
    state = PartitionState()
    state.add([RegisteredSeries(key, f"a/{key}", 7, "a", "kWh", 0) for key in range(4)])
    everything = np.arange(4)
    # the second one stopped long ago, the third one has no forecast, the fourth one none that has hours
    newest = np.array([NEWEST, NEWEST - 60, NEWEST, NEWEST])
    state.put(everything, newest, np.ones(4))
    made = np.array([0, 1, 3])
    state.note_forecasts(made, newest[made], np.array([Rung.FULL, Rung.PROFILE, Rung.NONE], np.int8))
    registered = RegisteredSource(7, source(name, clock))
    held = cast("Any", SimpleNamespace(state=state))
    show_series([held], {7: NEWEST}, [registered], from_hour(NEWEST) + timedelta(hours=30))
    assert shown("dayahead_forecast_series", name) == 2
    assert shown("dayahead_forecasts_expired", name) == expired
