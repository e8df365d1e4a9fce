"""When rows of the past are said to have become known."""

from datetime import timedelta

from dayahead.hours import from_hour
from dayahead.publisher import Publication
from dayahead.reading.records import Row
from ingest.publication import publications_of_history
from tests.ingest.building import FIRST, NOW, make_source

HOURLY = make_source(publication_lag_h=2)
DAILY = make_source(publication_lag_h=264, publication_interval_h=24)


def row(hour: int, value: float = 1.0, kind: str = "111") -> Row:
    return Row(f"DK1/{kind}", FIRST + hour, value)


def test_each_hour_of_an_hourly_source_was_known_its_lag_later() -> None:
    rows = [row(1), row(0), row(0, kind="112")]
    assert publications_of_history(rows, {}, HOURLY, NOW) == [
        Publication(from_hour(FIRST + 2), [rows[1], rows[2]]),
        Publication(from_hour(FIRST + 3), [rows[0]]),
    ]


def test_the_hours_of_a_day_that_comes_out_at_once_were_known_with_the_last_of_them() -> None:
    at = from_hour(FIRST + 23 + 264)
    whole = publications_of_history([row(hour) for hour in range(24)], {}, DAILY, NOW)
    assert [one.available_at for one in whole] == [at]
    # wherever the pages of a backfill are cut
    assert [one.available_at for one in publications_of_history([row(3)], {}, DAILY, NOW)] == [at]


def test_nothing_is_known_later_than_now() -> None:
    soon = from_hour(FIRST) + timedelta(hours=30)
    assert [one.available_at for one in publications_of_history([row(25)], {}, DAILY, soon)] == [soon]


def test_a_value_that_differs_from_the_one_held_is_a_revision_of_now() -> None:
    known = {("DK1/111", FIRST): 1.0, ("DK1/111", FIRST + 1): 1.0}
    rows = [row(0), row(1, 5.0), row(2)]
    assert publications_of_history(rows, known, HOURLY, NOW) == [
        Publication(from_hour(FIRST + 2), [rows[0]]),
        Publication(from_hour(FIRST + 4), [rows[2]]),
        Publication(NOW, [rows[1]]),
    ]
