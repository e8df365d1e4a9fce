"""Which hours a series lacks, and what the source of totals is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayahead.errors import SettingsError
from dayahead.reading.source_file import load_source, source_of
from dayahead.source import Source
from dayahead.totals import has_areas, lacking, missing_reason, runs_of, total_id, totals_source
from tests.ingest.building import SAMPLE_SOURCE, make_source


def lacks(hours: list[bool], place: int, reach: int) -> bool:
    """The definition, hour by hour."""
    if hours[place]:
        return False
    before = [other for other in range(place) if hours[other]]
    after = [other for other in range(place + 1, len(hours)) if hours[other]]
    return bool(before and after) and after[0] - before[-1] - 1 <= reach


@given(st.lists(st.lists(st.booleans(), min_size=24, max_size=24), min_size=1, max_size=4), st.integers(1, 6))
def test_a_series_lacks_the_hours_of_a_short_run_between_two_values(rows: list[list[bool]], reach: int) -> None:
    found = lacking(np.array(rows), reach)
    for row, hours in enumerate(rows):
        for place in range(reach, len(hours) - reach):
            # the hours of context are all that is needed to judge an hour
            around = hours[place - reach : place + reach + 1]
            assert found[row, place] == lacks(hours, place, reach) == lacks(around, reach, reach)


@given(st.sets(st.integers(0, 300)), st.integers(0, 5), st.integers(1, 50))
def test_ranges_hold_each_hour_and_its_surroundings_once(hours: set[int], reach: int, longest: int) -> None:
    ranges = runs_of(np.array(sorted(hours), np.int64), reach, longest)
    covered = [hour for first, last in ranges for hour in range(first, last + 1)]
    assert covered == sorted({hour + move for hour in hours for move in range(-reach, reach + 1)})
    assert all(last - first < longest for first, last in ranges)


def test_the_source_of_totals_has_what_its_parts_have_and_an_area_of_its_own() -> None:
    parent = load_source(SAMPLE_SOURCE).model_copy(update={"totals": True})
    totals = totals_source(parent)
    for field in ("unit", "local_time_zone", "country", "clock", "publication_lag_h", "poll_interval_s", "attribution"):
        assert getattr(totals, field) == getattr(parent, field), field
    assert (totals.leads, totals.silence_allowed) == (parent.leads, parent.silence_allowed)
    assert (totals.kind, totals.totals, totals.totals_of) == ("push", False, parent.name)
    assert (totals.minimum, totals.maximum) == (None, None)
    assert total_id(parent, "DK1") == "consumption-de35-hour-totals/area-DK1"
    assert total_id(parent, None) == "consumption-de35-hour-totals/total"
    assert total_id(parent, "total") != total_id(parent, None)
    assert Source.model_validate(totals.model_dump(mode="json", exclude_defaults=True)).leads == parent.leads


def test_a_horizon_that_the_source_asks_for_is_that_of_its_totals() -> None:
    assert totals_source(make_source(horizon_h=72, totals=True)).leads == 72


def test_a_source_whose_series_are_areas_has_no_totals_by_area() -> None:
    assert has_areas(make_source())
    assert not has_areas(make_source(key_columns=["Area"]))


def test_a_name_that_leaves_no_room_for_that_of_the_totals_is_refused() -> None:
    assert make_source(name="a" * 53, totals=True).totals
    with pytest.raises(ValueError, match="54 characters: with totals it may have 53"):
        make_source(name="a" * 54, totals=True)


def test_a_source_file_may_not_pose_as_totals() -> None:
    fields = make_source().model_dump(exclude_defaults=True)
    with pytest.raises(SettingsError, match="totals_of: Dayahead sets it; put totals: true into the source"):
        source_of({**fields, "totals_of": "other"})


def test_a_reason_names_the_first_series_and_counts_the_others() -> None:
    assert missing_reason(0, [], published=True) == ""
    assert missing_reason(1, ["DK1/1"], published=False) == "no total yet: 1 series lacks the hour: DK1/1"
    many = missing_reason(7, ["DK1/1", "DK1/2"], published=False)
    assert many == "no total yet: 7 series lack the hour: DK1/1, DK1/2 and 5 more"
    assert "made without DK1/1" in missing_reason(1, ["DK1/1"], published=True)
