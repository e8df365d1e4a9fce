"""The auditor finds a forecast that is not what its inputs give, and nothing else."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import orjson
import psycopg
import pytest
import redis
from confluent_kafka import Producer
from prometheus_client import REGISTRY
from typer.testing import CliRunner

from dayahead.cli import app
from dayahead.errors import StorageError
from dayahead.models.serving.release import Release
from dayahead.storage.forecast_cache import forecast_key
from stream.assembly import build_auditor
from stream.audit.auditor import Auditor, Finding, Outcome
from stream.audit.rounds import AWAY, audit_round
from stream.commands import register
from stream.servers.log_reader import LogMessage
from stream.servers.probe import Step
from stream.settings import WorkerSettings
from stream.worker import Worker
from tests.dayahead.conftest import consumption
from tests.stream.conftest import WorkerRoom
from tests.stream.crashing import Crash, CrashingProbe
from tests.stream.logs import START, batch, in_log, series_of
from tests.stream.ownership.test_releases import crown, record_of

servers = pytest.mark.servers

HOURS = 950
MESSAGES = 13
IDS = series_of(0, 5)


def history() -> list[bytes]:
    """Five series: two sound ones, one with a gap and a stuck meter, one of 30 hours and one of 3."""
    values = np.round(consumption(5, HOURS), 3)
    values[1, -100:-60] = np.nan
    values[1, -30:] = values[1, -31]
    values[2, :-30] = np.nan
    values[3, :-3] = np.nan
    edges = [*range(0, HOURS - 3, 100), *range(HOURS - 3, HOURS + 1)]
    return [
        batch(
            [
                (IDS[one], START + hour, float(values[one, hour]))
                for hour in range(start, end)
                for one in range(5)
                if np.isfinite(values[one, hour])
            ],
            START + end,
            refresh=end == start + 1,
        )
        for start, end in itertools.pairwise(edges)
    ]


@pytest.fixture
def served(room: WorkerRoom, small_release: Release) -> Iterator[tuple[Worker, Auditor]]:
    """A worker that has taken a log in, with a champion; and an auditor."""
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    log = history()
    assert len(log) == MESSAGES
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    auditor = auditor_of(room)
    yield worker, auditor
    auditor.close()


def auditor_of(room: WorkerRoom) -> Auditor:
    return build_auditor(
        WorkerSettings(
            database_url=room.database_url,
            redis_url=room.redis_url,
            kafka_bootstrap=room.topics.bootstrap,
            topic_prefix=room.topics.prefix,
        )
    )


def change(room: WorkerRoom, statement: str, parameters: Sequence[object] = ()) -> None:
    with psycopg.connect(room.database_url) as connection:
        connection.execute(statement.encode(), parameters)


def outcomes(findings: list[Finding]) -> dict[str, Outcome]:
    return {finding.series_id: finding.outcome for finding in findings}


def only(findings: list[Finding], series_id: str) -> Finding:
    """The one finding that is no match; of the given series."""
    (finding,) = [finding for finding in findings if finding.outcome is not Outcome.MATCH]
    assert finding.series_id == series_id
    return finding


@servers
def test_forecasts_as_the_worker_made_them_match_on_every_rung(
    room: WorkerRoom, served: tuple[Worker, Auditor]
) -> None:
    assert outcomes(served[1].audit_all()) == dict.fromkeys(IDS, Outcome.MATCH)
    assert outcomes(served[1].audit_sample(2)).keys() <= set(IDS)
    rungs = {row[0] for row in room.query("SELECT rung FROM forecast")}
    assert {0, 1, 5} <= rungs
    assert rungs & {3, 4}


@servers
def test_what_a_consumer_of_kafka_has_is_what_the_tables_hold(
    room: WorkerRoom, served: tuple[Worker, Auditor], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, auditor = served
    worker.run_maintenance()
    assert [one.outcome for one in auditor.audit([IDS[0]])] == [Outcome.MATCH, Outcome.MATCH]
    newest = room.newest_messages()[IDS[0]]
    producer = Producer({"bootstrap.servers": room.topics.bootstrap})
    older = orjson.dumps(orjson.loads(newest) | {"origin": "2023-01-01T00:00:00Z"})
    for value in (older, newest):
        producer.produce(room.topics.name("forecasts"), value, key=IDS[0].encode(), partition=0)
    producer.flush(10)
    # another origin, and the same once more: a consumer has what it had
    assert [one.outcome for one in auditor.audit([IDS[0]])] == [Outcome.MATCH, Outcome.MATCH]
    producer.produce(
        room.topics.name("forecasts"), newest.replace(b'"rung":', b'"rung": '), key=IDS[0].encode(), partition=0
    )
    producer.flush(10)
    assert only(auditor.audit_all(), IDS[0]).message.startswith("Kafka holds")
    monkeypatch.setattr("stream.audit.log_reading.LONGEST_READ", 3)
    assert only(auditor.audit([IDS[0]]), IDS[0]).outcome is Outcome.SKIPPED


@servers
def test_a_change_that_no_message_made_is_a_mismatch(room: WorkerRoom, served: tuple[Worker, Auditor]) -> None:
    changes = {
        IDS[0]: ("UPDATE forecast SET p50[7] = p50[7] * 1.0000002", "origin", "TimescaleDB holds"),
        IDS[1]: ("UPDATE forecast SET reasons = reasons # 2", "origin", "TimescaleDB holds"),
        IDS[2]: ("UPDATE observation SET value = value * 1.001", "valid_time", "TimescaleDB holds"),
        IDS[3]: ("DELETE FROM forecast", "origin", "newest observed hour"),
        IDS[4]: ("UPDATE feature_snapshot SET features[3] = features[3] * 1.0000002", "origin", "its features are"),
    }
    for series_id, (statement, column, _) in changes.items():
        change(
            room,
            f"{statement} WHERE {column} = to_timestamp(%s * 3600::bigint)"
            " AND series_key = (SELECT series_key FROM series WHERE series_id = %s)",
            [START + HOURS - 1, series_id],
        )
    findings = {finding.series_id: finding for finding in served[1].audit_all()}
    assert {finding.outcome for finding in findings.values()} == {Outcome.MISMATCH}
    for series_id, (_, _, message) in changes.items():
        assert message in findings[series_id].message


@servers
def test_other_bytes_in_redis_are_a_mismatch_and_none_are_not(
    room: WorkerRoom, served: tuple[Worker, Auditor], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, auditor = served
    worker.run_maintenance()  # so that the tables know what has been sent out
    with redis.Redis.from_url(room.redis_url) as client:
        client.set(forecast_key(IDS[1]), client.get(forecast_key(IDS[1])) + b" ")
        finding = only(auditor.audit_all(), IDS[1])
        assert (finding.outcome, finding.message[:11]) == (Outcome.MISMATCH, "Redis holds")
        for name, value in room.environment().items():
            monkeypatch.setenv(name, value)
        if not any(
            command.name == "audit" or command.callback.__name__ == "audit" for command in app.registered_commands
        ):
            register(app)
        result = CliRunner().invoke(app, ["audit"])
        assert result.exit_code == 1
        assert "match 8, mismatch 1, skipped 0" in result.output
        assert CliRunner().invoke(app, ["audit", IDS[0]]).exit_code == 0
        client.delete(forecast_key(IDS[1]))
    assert only(auditor.audit_all(), IDS[1]).outcome is Outcome.SKIPPED


@servers
def test_a_revision_replaces_the_forecast_and_a_backfill_is_explained_by_the_log(
    room: WorkerRoom, served: tuple[Worker, Auditor]
) -> None:
    worker, auditor = served
    revision = batch([(IDS[0], START + HOURS - 5, 1.5)], START + HOURS + 1)
    room.send(0, [revision])
    worker.process(0, [LogMessage(MESSAGES, revision)])
    assert outcomes(auditor.audit_all()) == dict.fromkeys(IDS, Outcome.MATCH)
    quiet = batch([(IDS[0], START + HOURS - 6, 2.5)], START + HOURS + 2, refresh=False)
    room.send(0, [quiet])
    worker.process(0, [LogMessage(MESSAGES + 1, quiet)])
    finding = only(auditor.audit_all(), IDS[0])
    assert finding.outcome is Outcome.SKIPPED
    assert "asked for no forecast" in finding.message
    loud = batch([(IDS[0], START + HOURS, 3.5)], START + HOURS + 3)
    room.send(0, [loud])
    worker.process(0, [LogMessage(MESSAGES + 2, loud)])
    assert outcomes(auditor.audit_all()) == dict.fromkeys(IDS, Outcome.MATCH)


@servers
def test_an_older_forecast_has_to_be_what_its_inputs_give_unless_the_log_shows_that_they_were_revised(
    room: WorkerRoom, served: tuple[Worker, Auditor]
) -> None:
    worker, auditor = served
    # there are four origins, and the last message of history made the newest
    next_hour = batch([(one, START + HOURS, 100.5) for one in IDS[:2]], START + HOURS + 1)
    room.send(0, [next_hour])
    worker.process(0, [LogMessage(MESSAGES, next_hour)])
    two = IDS[:2]
    assert outcomes(auditor.audit_older(two)) == dict.fromkeys(two, Outcome.MATCH)
    change(
        room,
        "UPDATE forecast SET p50[7] = p50[7] * 1.0000002"
        " WHERE series_key = (SELECT series_key FROM series WHERE series_id = %s)",
        [two[0]],
    )
    assert outcomes(auditor.audit_older(two)) == {two[0]: Outcome.MISMATCH, two[1]: Outcome.MATCH}
    revision = batch([(one, START + HOURS - 20, 1.5) for one in two], START + HOURS + 1)
    room.send(0, [revision])
    worker.process(0, [LogMessage(MESSAGES + 1, revision)])
    findings = auditor.audit_older(two)
    assert outcomes(findings) == dict.fromkeys(two, Outcome.SKIPPED)
    assert {finding.message for finding in findings} == {"its inputs have been revised since"}


@servers
def test_a_release_that_is_being_taken_up_is_waited_for(
    room: WorkerRoom, served: tuple[Worker, Auditor], small_release: Release
) -> None:
    worker, auditor = served
    after = replace(small_release, data_fingerprint="of-other-data")
    assert after.release_id != small_release.release_id
    crown(room, after.release_id, record_of(after), after.to_bytes())
    assert set(outcomes(auditor.audit_all()).values()) == {Outcome.SKIPPED}
    worker.run_maintenance()
    assert outcomes(auditor.audit_all()) == dict.fromkeys(IDS, Outcome.MATCH)


@servers
def test_a_forecast_on_its_way_to_redis_is_no_mismatch(room: WorkerRoom, served: tuple[Worker, Auditor]) -> None:
    _, auditor = served
    loud = batch([(IDS[0], START + HOURS, 3.5)], START + HOURS + 3)
    room.send(0, [loud])
    dying = room.worker(CrashingProbe(Step.COMMITTED))
    dying.assign([0])
    with pytest.raises(Crash):
        dying.process(0, [LogMessage(MESSAGES, loud)])
    finding = only(auditor.audit_all(), IDS[0])
    lacks = "Redis lacks forecasts of partition 0 (it has sequence b'1', not 2), so the API reads them from TimescaleDB"
    assert (finding.outcome, finding.message) == (Outcome.SKIPPED, lacks)
    room.worker().assign([0])
    assert outcomes(auditor.audit_all()) == dict.fromkeys(IDS, Outcome.MATCH)


class Scripted(Auditor):
    """Returns the findings that a test set."""

    def __init__(self, answer: list[Finding] | Exception) -> None:
        self._answer = answer

    def audit_sample(self, count: int) -> list[Finding]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def sampled(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_findings_are_counted_and_an_unavailable_server_is_not_a_mismatch() -> None:
    before = {outcome: sampled("dayahead_audit_total", outcome=outcome) for outcome in Outcome}
    found = [Finding("a", Outcome.MATCH), Finding("b", Outcome.MISMATCH, "x"), Finding("c", Outcome.MATCH)]
    audit_round(Scripted(found), 3)
    with pytest.raises(AWAY):
        audit_round(Scripted(StorageError("away")), 3)
    after = {outcome: sampled("dayahead_audit_total", outcome=outcome) - before[outcome] for outcome in Outcome}
    assert after == {Outcome.MATCH: 2, Outcome.MISMATCH: 1, Outcome.SKIPPED: 0}
