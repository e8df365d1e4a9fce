import gzip
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from dayahead.errors import SourceRefused, SourceUnavailable, Stopped
from dayahead.reading.kinds.file import FileSource
from dayahead.reading.reader import Answer
from dayahead.retry import Backoff
from ingest.patience import PatientReader
from ingest.replay.faults import Fault, FaultKind
from tests.ingest.building import FIRST, ManualTime, make_records, make_source, reader_of, replay_client


def test_the_api_says_429_to_requests_that_are_not_kept_apart_and_nothing_to_those_that_are() -> None:
    time = ManualTime()
    client = replay_client(make_records(2), time=time, min_request_interval_s=60)
    reader = reader_of(client)
    reader.read(FIRST, None)
    with pytest.raises(SourceUnavailable, match="429"):
        reader.read(FIRST, None)
    time.seconds += 60
    reader.read(FIRST, None)


def patient(faults: Iterable[Fault], pause: Callable[[float], bool], attempts: int = 99) -> Any:
    failures: list[tuple[str, float]] = []
    reader = PatientReader(
        reader=reader_of(replay_client(make_records(2), faults=faults)),
        pause=pause,
        backoff=Backoff(draw=lambda: 0.5),
        on_failure=lambda error, pause_s: failures.append((error.cause, pause_s)),
        attempts=attempts,
    )
    return reader, failures


def test_a_failing_source_is_retried_until_it_answers_and_each_failure_is_reported() -> None:
    time = ManualTime()
    faults = [
        Fault(kind=FaultKind.SERVER_ERROR),
        Fault(kind=FaultKind.TOO_MANY_REQUESTS, retry_after="30"),
        Fault(kind=FaultKind.CUT_JSON),
    ]
    reader, failures = patient(faults, time.pause)
    assert len(reader.read(FIRST, None).records) == 4
    assert failures == [("server_error", 0.5), ("rate_limited", 31.0), ("bad_answer", 2.0)]
    assert time.pauses == [0.5, 31.0, 2.0]


def test_a_success_resets_the_backoff() -> None:
    time = ManualTime()
    reader, failures = patient([Fault(kind=FaultKind.HTML, answers=3)], time.pause)
    reader.read(FIRST, None)
    assert [pause_s for _, pause_s in failures] == [0.5, 1.0, 2.0]
    failing = PatientReader(
        reader=_Failing(), pause=time.pause, backoff=reader._backoff, on_failure=lambda error, pause_s: None, attempts=2
    )
    with pytest.raises(SourceUnavailable):
        failing.read(FIRST, None)
    assert time.pauses[-1] == 0.5


class _Failing:
    def read(self, start: int, end: int | None) -> Answer:
        raise SourceUnavailable("away")


def test_it_gives_up_after_the_attempts_that_it_was_given() -> None:
    reader, failures = patient([Fault(kind=FaultKind.HTML, answers=9)], lambda _: False, attempts=3)
    with pytest.raises(SourceUnavailable):
        reader.read(FIRST, None)
    assert len(failures) == 2


def test_a_refusal_is_not_asked_again() -> None:
    reader = PatientReader(
        reader=reader_of(replay_client(make_records(2), source=make_source(dataset="Other"))),
        pause=lambda _: pytest.fail("it waited"),
        backoff=Backoff(),
        on_failure=lambda *_: None,
        attempts=3,
    )
    with pytest.raises(SourceRefused):
        reader.read(FIRST, None)


def test_waiting_for_a_source_ends_when_the_process_is_asked_to_stop() -> None:
    reader, _ = patient([Fault(kind=FaultKind.HTML, answers=9)], lambda _: True)
    with pytest.raises(Stopped):
        reader.read(FIRST, None)


WHOLE = b"HourUTC,Area,Type,kWh\n2023-01-01T00:00,DK1,111,1.5\n2023-01-01T01:00,DK1,111,2.5\n"
PACKED = gzip.compress(WHOLE)


@pytest.mark.parametrize(
    ("name", "before", "whole"),
    [("load.csv", b"", WHOLE), ("load.csv.gz", PACKED[:-12], PACKED), ("load.csv", None, WHOLE)],
    ids=["empty", "half", "missing"],
)
def test_a_file_that_is_completed_during_the_pause_is_read_whole(
    tmp_path: Path, name: str, before: bytes | None, whole: bytes
) -> None:
    path = tmp_path / name
    if before is not None:
        path.write_bytes(before)
    failures: list[str] = []

    def complete(_: float) -> bool:
        path.write_bytes(whole)
        return False

    reader = PatientReader(
        reader=FileSource(make_source(), path),
        pause=complete,
        backoff=Backoff(draw=lambda: 0.5),
        on_failure=lambda error, _: failures.append(error.cause),
        attempts=3,
    )
    answer = reader.read(FIRST, None)
    assert [record["kWh"] for record in answer.records] == ["1.5", "2.5"]
    assert len(failures) == 1
    assert not answer.torn


def test_a_file_that_stays_empty_fails_after_the_attempts(tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    path.touch()
    pauses: list[float] = []
    reader = PatientReader(
        reader=FileSource(make_source(), path),
        pause=pauses.append,
        backoff=Backoff(),
        on_failure=lambda *_: None,
        attempts=3,
    )
    with pytest.raises(SourceUnavailable, match="is empty"):
        reader.read(FIRST, None)
    assert len(pauses) == 2
