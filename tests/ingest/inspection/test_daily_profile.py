from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.inspection.daily_profile import profile_hint
from tests.ingest.inspection.inspecting import asked, moments, run, write_csv

Course = Callable[[int], NDArray[np.float64]]
HOURS = np.arange(24 * 21)
MINUTES = HOURS * 60 + 26_000_000 // 1440 * 1440


def consumption(offset_h: int) -> NDArray[np.float64]:
    """Lowest at 03:30 of a clock that is so many hours ahead of that of the file."""
    local = (HOURS + offset_h) % 24
    return np.asarray(100 - 30 * np.cos((local + 0.5 - 3.5) / 24 * 2 * np.pi))


def sunshine(offset_h: int) -> NDArray[np.float64]:
    local = (HOURS + offset_h) % 24
    return np.asarray(np.maximum(0, np.sin((local + 0.5 - 6.5) / 12 * np.pi)))


@pytest.mark.parametrize("offset_h", [-2, 0, 2])
@pytest.mark.parametrize("course", [consumption, sunshine])
def test_a_day_that_may_be_local_is_said_to_be_no_more_than_that(course: Course, offset_h: int) -> None:
    assert "they may be local, or of a zone within about 2 hours" in profile_hint(MINUTES, course(offset_h))


@pytest.mark.parametrize(
    ("offset_h", "said"),
    [(-6, "6 hours behind it (as in America/Chicago)"), (9, "9 hours ahead of it (as in Asia/Tokyo)")],
)
@pytest.mark.parametrize("course", [consumption, sunshine])
def test_a_day_of_another_continent_names_how_far_its_people_are_from_utc(
    course: Course, offset_h: int, said: str
) -> None:
    assert f"they may be UTC, of people about {said}" in profile_hint(MINUTES, course(offset_h))


def test_it_says_what_it_saw() -> None:
    assert profile_hint(MINUTES, consumption(0)).startswith("on the average day the lowest hour is around 03:00")
    assert profile_hint(MINUTES, sunshine(0)).startswith("the sun produces around 12:00")


def test_a_flat_series_a_few_days_and_quarters_of_a_day_show_nothing() -> None:
    assert profile_hint(MINUTES, 100 + 0.01 * consumption(0)) == ""
    assert profile_hint(MINUTES[:100], consumption(0)[:100]) == ""
    day = (MINUTES // 60 % 24) < 18
    assert profile_hint(MINUTES[day], consumption(0)[day]) == ""
    assert profile_hint(MINUTES, np.full(len(MINUTES), np.nan)) == ""


def lines(offset: str) -> list[str]:
    values = consumption(-6)
    return [
        f"{moment:%Y-%m-%dT%H:%M}{offset},m1,{values[place]:.1f}"
        for place, moment in enumerate(moments("2024-01-08", 21))
    ]


def test_the_average_day_is_shown_with_the_question_and_decides_nothing(tmp_path: Path) -> None:
    done = run("inspect", write_csv(tmp_path / "a.csv", "time,meter,kwh", lines("")))
    assert "time-zone" in asked(done.output)
    assert "people about 6 hours behind it" in " ".join(done.output.split())
    assert "time_zone: ?" in done.output


def test_a_zone_for_times_with_an_offset_is_said_to_be_unused(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", "time,meter,kwh", lines("Z"))
    assert "is not used" not in run("inspect", file).output
    done = run("inspect", file, "--time-zone", "Europe/Berlin")
    assert "--time-zone Europe/Berlin is not used: the times carry their offset" in " ".join(done.output.split())


def test_where_clock_changes_say_it_the_average_day_is_not_shown(tmp_path: Path) -> None:
    chicago = ZoneInfo("America/Chicago")
    written = [
        f"{moment.astimezone(chicago):%Y-%m-%dT%H:%M},m1,{value:.1f}"
        for moment, value in zip(moments("2024-03-04", 14, zone=chicago.key), consumption(0), strict=False)
    ]
    done = run("inspect", write_csv(tmp_path / "a.csv", "time,meter,kwh", written))
    assert "2024-03-10" in done.output
    assert "on the average day" not in done.output
