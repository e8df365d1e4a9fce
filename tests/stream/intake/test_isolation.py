"""Which errors set a message aside, and that taking a batch in once more refuses nothing twice."""

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

import stream.intake.intake
from dayahead.errors import DeadLetterCode
from dayahead.hours import wall_clock
from dayahead.storage.tables.source import RegisteredSource
from dayahead.storage.tables.worker_offset import Claim
from stream.intake.decode import DecodedMessage
from stream.intake.intake import Intake
from stream.intake.isolation import Isolation
from stream.partition.held import HeldPartition
from stream.partition.state import PartitionState
from tests.stream.logs import PARTITIONS, SOURCE, START, batch, in_log, series_of
from tests.stream.memory_tables import SOURCE_KEY


@pytest.fixture
def intake(monkeypatch: pytest.MonkeyPatch) -> Intake:
    """Knows one source; no server is asked."""
    sources = {SOURCE.name: RegisteredSource(SOURCE_KEY, SOURCE)}
    monkeypatch.setattr(stream.intake.intake, "load_sources", lambda _: sources)
    monkeypatch.setattr(stream.intake.intake, "sources_version", lambda _: 1)
    return Intake(PARTITIONS)


def test_rows_of_a_batch_that_is_taken_in_again_are_refused_once(intake: Intake) -> None:
    elsewhere = series_of(1, 1)[0]
    decoded = intake.decode(in_log([batch([(elsewhere, START, 1.0)], START + 1)]))
    connection: Any = None
    for _ in range(2):
        taken = intake.take(connection, decoded, PartitionState(), 0, wall_clock())
        assert [refusal.error.code for refusal in taken.refusals] == [DeadLetterCode.MISROUTED]
        assert len(taken.rows.hour) == 0


def test_a_server_that_became_read_only_ends_the_worker_and_sets_nothing_aside(intake: Intake) -> None:
    taken: list[int] = []

    def take_in(_: HeldPartition, messages: Sequence[DecodedMessage]) -> None:
        taken.append(len(messages))
        raise psycopg.errors.ReadOnlySqlTransaction("cannot execute UPDATE in a read-only transaction")

    messages = in_log([batch([(series_of(0, 1)[0], START + hour, 1.0)], START + hour + 1) for hour in range(4)])
    held = HeldPartition(Claim("observations", 0, 1, 0, 0, None, None), 0)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        Isolation(take_in, lambda _: None).take_in(
            held, intake.decode(messages), {message.offset: message for message in messages}
        )
    assert taken == [4]
