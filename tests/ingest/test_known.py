from dayahead.errors import DeadLetterCode
from dayahead.reading.records import Rejection, Row
from ingest.known import Known
from tests.ingest.building import FIRST, make_record

ROW = Row("DK1/111", FIRST, 1.0)
REJECTION = Rejection(make_record(value=None), DeadLetterCode.NULL_VALUE, "null")


def test_a_published_row_is_new_only_when_its_value_changes() -> None:
    known = Known()
    assert known.news([ROW]) == [ROW]
    known.remember([ROW], [])
    assert known.news([ROW]) == []
    assert known.news([ROW._replace(value=2.0)]) == [ROW._replace(value=2.0)]


def test_values_of_hours_that_will_not_be_read_again_are_forgotten() -> None:
    known = Known()
    known.remember([ROW, ROW._replace(hour=FIRST + 1)], [])
    known.forget_before(FIRST + 1)
    assert known.news([ROW]) == [ROW]
    assert known.news([ROW._replace(hour=FIRST + 1)]) == []


def test_a_rejection_is_new_once_and_again_after_the_source_fixed_it() -> None:
    known = Known()
    known.remember([], [REJECTION])
    assert known.new_rejections([REJECTION]) == []
    known.forget_rejections_but([])
    assert known.new_rejections([REJECTION]) == [REJECTION]
