"""Rows that are sent over HTTP a second time change nothing, on real servers."""

from collections.abc import Callable

import httpx
import psycopg
import pytest

from tests.pages.conftest import TOKEN, Reader
from tests.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(420)]

STATE = """
    SELECT (SELECT count(*) FROM observation JOIN series USING (series_key) WHERE series_id = %(series)s),
           (SELECT count(*) FROM observation_revision JOIN series USING (series_key) WHERE series_id = %(series)s),
           (SELECT max(issued_at) FROM forecast JOIN series USING (series_key) WHERE series_id = %(series)s),
           (SELECT sum(next_offset) FROM worker_offset)
"""


def state(reader: Reader, series_id: str) -> tuple[object, ...]:
    with psycopg.connect(reader.environment["DAYAHEAD_DATABASE_URL"]) as connection:
        row = connection.execute(STATE, {"series": series_id}).fetchone()
    assert row is not None
    return tuple(row)


def post(reader: Reader, rows: list[list[object]]) -> None:
    answer = httpx.post(
        f"{reader.url}/v1/observations",
        json={"source": "consumption-de35-hour", "rows": rows},
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == len(rows)


def taken_in(reader: Reader, series_id: str, before: tuple[object, ...]) -> Callable[[], bool]:
    return lambda: state(reader, series_id)[3] == int(str(before[3])) + 1


def test_rows_that_are_sent_again_change_nothing(reader: Reader) -> None:
    series_id = "DK2/111"
    rows: list[list[object]] = [[series_id, f"2023-01-24T{hour}:00:00Z", 30_000.0 + hour] for hour in (18, 19, 20)]
    before = state(reader, series_id)
    post(reader, rows)
    wait_until(taken_in(reader, series_id, before), 60, "the rows to be taken in")
    first = state(reader, series_id)
    assert int(str(first[1])) == int(str(before[1])) + len(rows)
    assert first[2] != before[2]
    post(reader, rows)
    wait_until(taken_in(reader, series_id, first), 60, "the rows to be taken in again")
    assert state(reader, series_id)[:3] == first[:3]
