"""Keeps the forecast of the next day as it stands at a gate, publishes it, and scores it when the day is over.

All state is in the tables. A day product is written once, under the claim of the partition, and never changed; what is
sent is made from the row. So a worker that crashes anywhere, or was down at the gate, sends the same bytes later, or
once more.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import partial

import psycopg
import structlog

from dayahead.hours import Clock, Hour, format_utc, from_hour, to_hour
from dayahead.source import Gate, Source
from dayahead.storage.day_products import product_bytes, product_key, product_rung
from dayahead.storage.tables.day_ahead import (
    DayProduct,
    Kept,
    due_products,
    keep_products,
    mark_published,
    mark_scored,
    unpublished_products,
)
from dayahead.storage.tables.day_ahead_score import write_scores
from dayahead.storage.tables.observation import read_observations
from dayahead.storage.tables.worker_offset import hold_claim
from stream.gates.scoring import score_products
from stream.partition import metrics
from stream.partition.held import HeldPartition
from stream.servers.connection import Database
from stream.servers.kafka_output import KafkaOutput, Outgoing
from stream.servers.probe import Probe, Step

log = structlog.get_logger()

LOOK_BACK = timedelta(days=14)
"""How long ago a gate may have passed for a worker to still keep it: as long as `observations` keeps its messages."""

KEPT_AT_ONCE = 10_000
AT_ONCE = 1_000
"""Day products after which a call keeps, or scores, no more: messages wait meanwhile, and the next call goes on."""

GatesOfSource = tuple[int, str, str]


class GateKeeper:
    """Keeps the gates of held partitions; call it while no other work on the partitions runs.

    Then every forecast that was issued before a gate is in the tables, or will never be.
    """

    def __init__(self, database: Database, output: KafkaOutput, topic: str, clock: Clock, probe: Probe) -> None:
        """Make a keeper; nothing is read or written yet.

        Args:
            database: of the worker.
            output: to Kafka.
            topic: full name of the topic of day products.
            clock: the present moment.
            probe: notified of the steps.
        """
        self._database, self._output, self._topic = database, output, topic
        self._clock, self._probe = clock, probe
        self._seen: dict[int, _Seen] = {}

    def keep(self, partitions: Collection[HeldPartition], sources: Mapping[int, Source]) -> None:
        """Keep and send what the gates ask for that have passed, and score the day products that are over.

        Args:
            partitions: with their states.
            sources: by source_key.

        Raises:
            FencedError: another worker has taken a partition over.
            Stopped: the worker was asked to stop while it waited for a server.
        """
        to_keep, to_score = KEPT_AT_ONCE, AT_ONCE
        for held in partitions:
            seen = self._seen.get(held.claim.partition)
            if seen is None or seen.claim != held.claim.number:
                seen = self._seen[held.claim.partition] = _Seen(held.claim.number)
            newest = held.state.newest_by_source()
            with_gates = {key: sources[key] for key in newest if key in sources and sources[key].gates}
            for key, source in with_gates.items():
                to_keep -= self._keep_passed(held, seen, key, source, newest[key], to_keep)
            if not seen.is_sent:
                self._publish(held)
                seen.is_sent = True
            # once also without gates: the source may have had some
            is_due = seen.scored_at is None or (with_gates and seen.scored_at != held.next_offset)
            if is_due and to_score > 0:
                scored = self._score(held, max(newest.values(), default=0), to_score)
                seen.scored_at = held.next_offset if scored < to_score else None
                to_score -= scored

    def _keep_passed(
        self, held: HeldPartition, seen: "_Seen", source_key: int, source: Source, newest: Hour, limit: int
    ) -> int:
        """Keep the day products of the gates of a source that have passed since the last call; returns how many.

        In a replay, whose clock follows the data, a gate has passed for a partition when its own data have passed it.
        """
        count = 0
        now = source.now(self._clock(), from_hour(newest))
        for gate in source.passed_gates(now, LOOK_BACK):
            known = (source_key, gate.name, format_utc(gate.moment))
            if known not in seen.gates and count < limit:
                self._probe.reached(Step.GATE_PASSED)
                count += self._keep_one(held, source_key, source, gate)
                self._probe.reached(Step.GATE_KEPT)
                seen.gates.add(known)
                seen.is_sent, seen.scored_at = False, None
        return count

    def _keep_one(self, held: HeldPartition, source_key: int, source: Source, gate: Gate) -> int:
        follows_data = source.clock == "replay"
        newest_origin = to_hour(gate.moment - source.publication_lag) if follows_data else gate.hours.start - 1

        def keep(connection: psycopg.Connection) -> Kept:
            with connection.transaction(), connection.cursor() as cursor:
                hold_claim(cursor, held.claim)
                return keep_products(
                    cursor,
                    held.claim.partition,
                    source_key,
                    gate,
                    newest_origin=newest_origin,
                    issued_by=None if follows_data else gate.moment,
                )

        kept = self._database.retry(keep)
        if kept.products:
            metrics.DAY_AHEAD.labels(source.name, "complete").inc(kept.complete)
            metrics.DAY_AHEAD.labels(source.name, "incomplete").inc(kept.products - kept.complete)
            log.info(
                "gate_kept",
                source=source.name,
                partition=held.claim.partition,
                gate=gate.name,
                day=gate.day.isoformat(),
                series=kept.products,
                incomplete=kept.products - kept.complete,
            )
        return kept.products

    def _publish(self, held: HeldPartition) -> None:
        partition = held.claim.partition

        def read(connection: psycopg.Connection) -> list[DayProduct]:
            return unpublished_products(connection, partition, AT_ONCE)

        while products := self._database.retry(read):
            self._output.deliver(
                [Outgoing(self._topic, product_bytes(one), product_key(one), partition) for one in products]
            )
            self._probe.reached(Step.GATE_SENT)
            self._database.retry(partial(mark_published, products=products, now=self._clock()))
            self._probe.reached(Step.GATE_MARKED)

    def _score(self, held: HeldPartition, newest: Hour, limit: int) -> int:
        """Score day products that are over at the newest hour of the partition; returns how many."""

        def read(connection: psycopg.Connection) -> list[DayProduct]:
            return due_products(connection, held.claim.partition, newest, limit)

        def write(connection: psycopg.Connection) -> None:
            with connection.transaction(), connection.cursor() as cursor:
                # no value changes between the read and the mark
                hold_claim(cursor, held.claim)
                sums = score_products(
                    products, lambda keys, start, end: read_observations(connection, keys, start, end).values
                )
                write_scores(cursor, products, [product_rung(one) for one in products], sums)
                mark_scored(cursor, products)

        products = self._database.retry(read)
        if products:
            self._database.retry(write)
            self._probe.reached(Step.GATE_SCORED)
        return len(products)


class _Seen:
    """What was done of a partition under a claim; after a restart everything is looked at again.

    Attributes:
        claim: its number.
        gates: those that are kept, with their source and moment.
        is_sent: whether all products are sent.
        scored_at: offset of the partition up to which all products that are over are scored, None for none.
    """

    def __init__(self, claim: int) -> None:
        self.claim = claim
        self.gates: set[GatesOfSource] = set()
        self.is_sent = False
        self.scored_at: int | None = None
