"""What clock changes and the edges of a file say about the zone and the label of its times."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.inspection.clock_evidence import clock_evidence, numbered_evidence
from tests.ingest.inspection.inspecting import moments


def wall(start: str, days: int, zone: str, *, label_end: bool = False, minutes: int = 60) -> NDArray[np.int64]:
    """Times on the wall; ends as most publishers name them: on the clock of the start of the period."""
    local = ZoneInfo(zone)
    later = timedelta(minutes=minutes if label_end else 0)
    texts = [m.astimezone(local).replace(tzinfo=None) + later for m in moments(start, days, minutes, zone)]
    return np.array([(one - datetime(1970, 1, 1)) // timedelta(minutes=1) for one in texts], np.int64)  # noqa: DTZ001


def test_the_clock_of_central_europe_is_recognized_by_its_clock_changes() -> None:
    found = clock_evidence(wall("2024-03-25", 14, "Europe/Copenhagen"), 60)
    assert ("Europe/Berlin", "start") in found.fitting
    assert [zone for zone, label in found.fitting if label == "start"] == ["Europe/Berlin"]
    assert found.nights == ["2024-03-31"]


@pytest.mark.parametrize("start", ["2024-03-25", "2024-10-20"])
def test_ends_are_recognized_in_a_known_zone(start: str) -> None:
    found = clock_evidence(wall(start, 14, "Europe/Berlin", label_end=True), 60, "Europe/Berlin")
    assert found.labels() == ["end"]


def test_a_clock_change_alone_does_not_tell_starts_from_ends_on_their_own_clock() -> None:
    found = clock_evidence(wall("2024-03-25", 14, "Europe/Berlin"), 60, "Europe/Berlin")
    assert found.labels() == ["end", "start"]
    assert found.edges == "start"


def test_zones_that_change_by_the_same_rule_all_fit() -> None:
    found = clock_evidence(wall("2024-03-01", 20, "America/Chicago"), 60)
    assert {"America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"} <= set(found.zones)
    assert "Europe/Berlin" not in found.zones


def test_quarters_of_an_hour_show_the_same() -> None:
    found = clock_evidence(wall("2024-10-20", 14, "Europe/London", minutes=15), 15)
    assert [zone for zone, label in found.fitting if label == "start"] == ["Europe/London"]


def test_a_year_without_a_clock_change_fits_utc_alone() -> None:
    found = clock_evidence(wall("2024-01-01", 366, "UTC"), 60)
    assert found.zones == ["UTC"]
    assert not found.nights


def test_a_zone_that_leaves_a_gap_does_not_fit() -> None:
    found = clock_evidence(wall("2024-03-25", 14, "Europe/Berlin"), 60, "Europe/London")
    assert ("Europe/London", "start") not in found.fitting


@pytest.mark.parametrize(("label_end", "edges"), [(False, "start"), (True, "end")])
def test_a_file_of_whole_days_shows_its_label(label_end: bool, edges: str) -> None:
    assert clock_evidence(wall("2024-01-01", 3, "UTC", label_end=label_end), 60).edges == edges


def test_a_file_that_begins_anywhere_shows_no_label() -> None:
    assert clock_evidence(wall("2024-01-01", 3, "UTC")[5:], 60).edges == ""


def test_numbered_periods_show_the_days_of_clock_changes() -> None:
    days = np.repeat(np.arange(19811, 19816), [48, 48, 46, 48, 48])  # the third is 2024-03-31
    found = numbered_evidence(days, 30)
    assert found.zones == ["Europe/London", "Europe/Berlin", "Europe/Helsinki"]
    assert found.nights == ["2024-03-31"]


def test_numbered_periods_of_equal_days_show_nothing() -> None:
    found = numbered_evidence(np.repeat(np.arange(19811, 19816), 48), 30)
    assert not found.fitting
    assert not found.nights
