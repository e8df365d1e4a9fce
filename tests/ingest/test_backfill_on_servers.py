"""Backfills against real Kafka and TimescaleDB."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from dayahead.errors import SourceUnavailable
from dayahead.hours import from_hour
from dayahead.reading.kinds.file import FileSource
from dayahead.reading.reader import Answer, Reader
from dayahead.source import Source
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import register_source
from ingest.backfill import Backfiller
from tests.conftest import TopicRoom
from tests.ingest.building import (
    FIRST,
    NOW,
    SAMPLE,
    make_record,
    make_records,
    make_source,
    reader_of,
    replay_client,
    sample_source,
)
from tests.ingest.servers import (
    batches,
    connector,
    cursor_of,
    dead_letters,
    make_poller,
    make_publisher,
    published,
)

pytestmark = pytest.mark.servers

SOURCE = make_source(page_h=24)


@pytest.fixture
def room(topics: TopicRoom) -> TopicRoom:
    topics.create(partitions=4)
    return topics


def backfill(
    room: TopicRoom,
    database_url: str,
    reader: Reader,
    start: int = FIRST,
    end: int = FIRST + 100,
    source: Source = SOURCE,
    **options: Any,
) -> Any:
    with make_publisher(room) as publisher, closing(connector(database_url)()) as connection:
        return Backfiller(
            source=source, reader=reader, publisher=publisher, connection=connection, clock=lambda: NOW
        ).run(start, end, **options)


def hours(room: TopicRoom) -> list[int]:
    return sorted({int(time.timestamp()) // 3600 - FIRST for _, time, _ in published(room)})


def test_a_backfill_publishes_its_range_once_and_asks_for_one_forecast_of_each_series_at_its_end(
    room: TopicRoom, database_url: str
) -> None:
    steps = []
    report = backfill(
        room,
        database_url,
        reader_of(replay_client(make_records(120))),
        start=FIRST + 10,
        end=FIRST + 100,
        on_progress=lambda hour, rows: steps.append((hour - FIRST, rows)),
    )
    assert (report.rows, report.series, report.newest, report.cursor_moved) == (180, 2, FIRST + 99, True)
    assert steps == [(34, 48), (58, 96), (82, 144), (100, 180)]
    assert len(published(room)) == 180
    assert hours(room) == list(range(10, 100))
    refreshed = [row for batch in batches(room) if batch.refresh for row in batch.rows]
    assert {(series_id, time) for series_id, time, _ in refreshed} == {
        (f"DK1/{number:03d}", from_hour(FIRST + 99)) for number in range(2)
    }
    assert len(refreshed) == 2


def test_the_poller_continues_after_a_backfill(room: TopicRoom, database_url: str) -> None:
    client = replay_client(make_records(120))
    backfill(room, database_url, reader_of(client))
    assert cursor_of(database_url)[0] == from_hour(FIRST + 100)
    with closing(make_poller(room, database_url, reader_of(client))) as poller:
        assert poller.poll_once().rows == 2 * (20 + 3)
    assert hours(room) == list(range(120))


def test_a_backfill_of_older_hours_leaves_the_cursor_where_it_was(room: TopicRoom, database_url: str) -> None:
    client = replay_client(make_records(120))
    backfill(room, database_url, reader_of(client), FIRST + 50, FIRST + 120)
    assert not backfill(room, database_url, reader_of(client), FIRST, FIRST + 50).cursor_moved
    assert cursor_of(database_url)[0] == from_hour(FIRST + 120)


def test_a_backfill_beyond_the_cursor_does_not_let_the_poller_jump_over_the_hours_between(
    room: TopicRoom, database_url: str
) -> None:
    client = replay_client(make_records(120))
    backfill(room, database_url, reader_of(client), FIRST, FIRST + 20)
    assert not backfill(room, database_url, reader_of(client), FIRST + 60, FIRST + 80).cursor_moved
    assert cursor_of(database_url)[0] == from_hour(FIRST + 20)


def test_parallel_backfills_of_adjacent_ranges_publish_every_hour_once(room: TopicRoom, database_url: str) -> None:
    client = replay_client(make_records(120))
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(backfill, room, database_url, reader_of(client), FIRST + n * 30, FIRST + (n + 1) * 30)
            for n in range(4)
        ]
        assert sum(job.result().rows for job in jobs) == 240
    assert len(published(room)) == 240
    assert hours(room) == list(range(120))


class Breaking:
    """Fails at the third page."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.pages = reader, 0

    def read(self, start: int, end: int | None) -> Answer:
        self.pages += 1
        if self.pages == 3:
            raise SourceUnavailable("away")
        return self.reader.read(start, end)


def test_an_interrupted_backfill_resumes(room: TopicRoom, database_url: str) -> None:
    client = replay_client(make_records(100))
    with pytest.raises(SourceUnavailable):
        backfill(room, database_url, Breaking(reader_of(client)))
    assert hours(room) == list(range(48))
    report = backfill(room, database_url, reader_of(client), resume=True)
    assert (report.resumed_at, report.rows) == (FIRST + 48, 2 * 52)
    assert len(published(room)) == 200


class ProcessKilledError(Exception):
    """The process is killed."""


def test_a_backfill_that_was_cut_off_after_its_last_rows_still_hands_over_to_the_poller(
    room: TopicRoom, database_url: str
) -> None:
    reader = reader_of(replay_client(make_records(90)))

    def killed_after_the_rows(hour: int, rows: int) -> None:
        if hour >= FIRST + 96:
            raise ProcessKilledError

    with pytest.raises(ProcessKilledError):
        backfill(room, database_url, reader, on_progress=killed_after_the_rows)
    assert cursor_of(database_url) is None
    report = backfill(room, database_url, reader, resume=True)
    assert (report.rows, report.newest, report.cursor_moved) == (0, FIRST + 89, True)
    assert cursor_of(database_url)[0] == from_hour(FIRST + 90)


def test_history_is_dated_as_its_publisher_published_it(room: TopicRoom, database_url: str) -> None:
    backfill(room, database_url, reader_of(replay_client(make_records(30))), FIRST, FIRST + 30)
    assert len(batches(room)) >= 30
    for batch in batches(room):
        assert {time for _, time, _ in batch.rows} == {batch.available_at - timedelta(hours=1)}


def test_history_that_differs_from_what_is_held_was_learnt_now(room: TopicRoom, database_url: str) -> None:
    with closing(connector(database_url)()) as connection:
        registered = register_source(connection, SOURCE)
        key = register_series(connection, ["DK1/000"], registered, 4, NOW)["DK1/000"].series_key
        for hour, value in ((0, 0.0), (1, 99.0)):
            connection.execute(
                "INSERT INTO observation (series_key, valid_time, value, available_at) VALUES (%s, %s, %s, %s)",
                [key, from_hour(FIRST + hour), value, from_hour(FIRST + hour + 1)],
            )
    backfill(room, database_url, reader_of(replay_client(make_records(3, series=1))), FIRST, FIRST + 3)
    dated = {time: batch.available_at for batch in batches(room) for _, time, _ in batch.rows}
    assert dated == {
        from_hour(FIRST): from_hour(FIRST + 1),
        from_hour(FIRST + 1): NOW,
        from_hour(FIRST + 2): from_hour(FIRST + 3),
    }


def test_pages_that_the_source_cuts_are_read_on_from_there(room: TopicRoom, database_url: str) -> None:
    report = backfill(room, database_url, reader_of(replay_client(make_records(100)), max_records=9))
    assert report.rows == 200
    assert len(published(room)) == 200


def test_bad_records_of_a_backfill_are_dead_letters(room: TopicRoom, database_url: str) -> None:
    records = [*make_records(30), make_record(FIRST + 3, "text", kind="bad")]
    assert backfill(room, database_url, reader_of(replay_client(records))).rejections == 1
    ((_, headers),) = dead_letters(room)
    assert headers["code"] == "not_a_number"


def test_the_sample_is_backfilled_from_its_file(room: TopicRoom, database_url: str) -> None:
    source = sample_source()
    start, end = FIRST - 24 * 20, FIRST + 24 * 40
    report = backfill(room, database_url, FileSource(source, SAMPLE), start, end, source)
    assert (report.rows, report.series, report.rejections) == (62548, 76, 0)
    assert len(published(room)) == 62548
