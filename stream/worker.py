"""The worker: claims partitions, processes their messages batch by batch, and loads new releases.

Everything here runs on threads outside the event loop, so that heartbeats continue while it computes or waits.
`process` may run for several partitions at the same time; `assign` and `run_maintenance` run exclusively.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import structlog
from numpy.typing import NDArray

from dayahead.horizon import DAY_LEADS
from dayahead.hours import Clock, Hour, format_utc
from dayahead.limit_metrics import LOST_VALUES
from dayahead.source import Source
from dayahead.storage.checkpoint import ChangedHours, Checkpoint
from dayahead.storage.tables.accuracy_day import AccuracyDays
from dayahead.storage.tables.forecast import ForecastRows
from dayahead.storage.tables.worker_offset import Move
from dayahead.topics import OBSERVATIONS
from dayahead.tracing import spans
from dayahead.tracing.spans import Attributes, Kind
from stream.commit import freshness
from stream.commit.committing import Committer
from stream.commit.limit_losses import LossKeeper
from stream.commit.partition_quality import QualityKeeper
from stream.commit.redis_following import RedisFollower
from stream.compute.batch import Result, compute, prepare
from stream.compute.forecasting import Forecasting
from stream.compute.table_reading import TableReader
from stream.gates.gate_keeping import GateKeeper
from stream.intake.decode import DecodedMessage
from stream.intake.intake import Intake
from stream.intake.isolation import Isolation
from stream.intake.refusals import RefusalWriter
from stream.ownership.log_order import LogOrder
from stream.ownership.release_watch import ReleaseWatch
from stream.ownership.takeover import Takeover
from stream.ownership.window_keeping import WindowKeeper
from stream.partition import metrics
from stream.partition.held import HeldPartition
from stream.partition.rows import Outcome
from stream.partition.state import NEVER
from stream.servers.connection import Database
from stream.servers.log_reader import Log, LogMessage, read_again
from stream.servers.probe import Probe, Step
from stream.weather.metrics import NewestRuns, count_forecasts, count_message

log = structlog.get_logger()

SPAN = {"messaging.system": "kafka", "messaging.destination.name": OBSERVATIONS.name}

REFRESHED_AT_ONCE = 5_000
"""Series in one transaction of a refresh."""


@dataclass(frozen=True)
class Progress:
    """Progress of a partition after a call of `Worker.process`.

    Attributes:
        next_offset: messages before it are in the tables and published, so they may be acknowledged.
        seek_to: offset that the reader must seek to, None where it is in the right place.
    """

    next_offset: int
    seek_to: int | None = None


class Worker:
    """Processes the partitions that Kafka has assigned to this process."""

    def __init__(
        self,
        *,
        database: Database,
        kafka_log: Log,
        takeover: Takeover,
        committer: Committer,
        refusals: RefusalWriter,
        intake: Intake,
        releases: ReleaseWatch,
        keeper: WindowKeeper,
        quality: QualityKeeper,
        losses: LossKeeper,
        gates: GateKeeper,
        follower: RedisFollower,
        clock: Clock,
        probe: Probe,
        batch_rows: int,
        fresh_within_s: float,
        threads: int,
    ) -> None:
        self._database, self._log = database, kafka_log
        self._takeover, self._committer = takeover, committer
        self._order = LogOrder(kafka_log, takeover)
        self._refusals, self._intake, self._releases = refusals, intake, releases
        self._keeper, self._quality, self._losses, self._follower = keeper, quality, losses, follower
        self._gates = gates
        self._clock, self._probe = clock, probe
        self._batch_rows, self._fresh_within_s = batch_rows, fresh_within_s
        self._isolation = Isolation(self._checkpoint, takeover.rebuild)
        self._refreshers = ThreadPoolExecutor(threads, thread_name_prefix="refresh")
        self._newest_runs = NewestRuns()
        self._held: dict[int, HeldPartition] = {}
        self._sources: dict[int, Source] = {}

    @property
    def held(self) -> dict[int, HeldPartition]:
        """The claimed partitions by number; a copy."""
        return dict(self._held)

    def assign(self, partitions: Iterable[int]) -> dict[int, int]:
        """Hold exactly these partitions, each with its state: `claim`, then `restore`.

        Returns:
            The next offset of each.

        Raises:
            StorageError: messages that are not in the tables are no longer in the log.
            FencedError: another worker has taken one of them over meanwhile.
        """
        offsets = self.claim(partitions)
        for partition in sorted(offsets):
            self.restore(partition)
        self.show()
        return offsets

    def claim(self, partitions: Iterable[int]) -> dict[int, int]:
        """Hold exactly these partitions: drop all others, claim new ones without their state.

        Returns:
            The next offset of each.

        Raises:
            StorageError: messages that are not in the tables are no longer in the log.
        """
        wanted = set(partitions)
        for partition in self._held.keys() - wanted:
            del self._held[partition]
        self._releases.look()
        # so that a hanging Redis costs one timeout, not one for each partition that is restored
        self.look_at_redis()
        for partition in sorted(wanted):
            held = self._held.get(partition)
            if held is None or not self._takeover.is_still(held):
                self._held.pop(partition, None)
                self._held[partition] = self._takeover.claim(partition)
        return {partition: held.next_offset for partition, held in self._held.items()}

    def to_restore(self) -> list[int]:
        """List the partitions that need `restore`, those with waiting messages first."""
        missing = [(held.waiting == 0, partition) for partition, held in self._held.items() if not self._is_ready(held)]
        return [partition for _, partition in sorted(missing)]

    def restore(self, partition: int) -> None:
        """Rebuild the missing state of a held partition, and refresh its forecasts with the release in service.

        Safe to run while other partitions are processed.

        Raises:
            FencedError: another worker has taken the partition over.
        """
        held = self._held[partition]
        if not held.is_restored:
            self._takeover.restore(held)
            self._load_sources()
        if not self._is_ready(held):
            self._refresh(held)

    def is_ready(self, partition: int) -> bool:
        """Check whether a partition is held and needs no `restore`."""
        held = self._held.get(partition)
        return held is not None and self._is_ready(held)

    def _is_ready(self, held: HeldPartition) -> bool:
        return held.is_restored and self._releases.forecasting.release in {None, held.release}

    def process(self, partition: int, messages: Sequence[LogMessage]) -> Progress:
        """Process messages of a partition in the order of the log; skip those that are in the tables already.

        Raises:
            FencedError: another worker has taken the partition over; this process must end.
            StorageError: messages that are not in the tables are no longer in the log.
        """
        held = self._held.get(partition)
        if held is None:
            return Progress(0)
        ready, in_place = self._order.of(held, messages)
        if ready:
            causes = (message.traced for message in ready)
            about = {**SPAN, "messaging.destination.partition.id": str(partition)}
            with spans.caused("process observations", Kind.CONSUMER, causes, about) as span:
                span.note({"messaging.batch.message_count": len(ready)})
                self._take_in(held, ready)
        return Progress(held.next_offset, None if in_place else held.next_offset)

    def _take_in(self, held: HeldPartition, ready: Sequence[LogMessage]) -> None:
        """Process messages that are next in the log, batch by batch."""
        start = rows = 0
        with metrics.stage("decode"):
            ready = [read_again(message, self._log, held.claim) for message in ready]
            decoded = self._intake.decode(ready)
        by_offset = {message.offset: message for message in ready}
        for end, message in enumerate(decoded, 1):
            rows += len(message.hours) + len(message.refusals)
            if rows >= self._batch_rows or end == len(decoded) or _weather_follows(decoded, end):
                with spans.part("batch") as span:
                    span.note({"dayahead.first_offset": held.next_offset, "dayahead.rows": rows})
                    self._isolation.take_in(held, decoded[start:end], by_offset)
                freshness.count(decoded[start:end], by_offset, self._clock(), self._fresh_within_s)
                start, rows = end, 0

    def _checkpoint(self, held: HeldPartition, decoded: Sequence[DecodedMessage]) -> None:
        now = self._clock()
        partition = held.claim.partition
        self._probe.reached(Step.DECODED)
        with metrics.stage("read"):
            taken = self._database.retry(
                lambda connection: self._intake.take(connection, decoded, held.state, partition, now)
            )
            self._look_up_sources()
            prepared = self._database.retry(
                lambda connection: prepare(
                    TableReader(connection), held.state, taken.rows, taken.offsets, self._sources
                )
            )
        self._probe.reached(Step.READ)
        with metrics.stage("dead_letters"):
            self._refusals.write(held.claim, taken.refusals, now)
        self._probe.reached(Step.DEAD_LETTERS)
        held.is_settled = False
        with metrics.stage("compute"):
            # what a served forecast names, so that its trace can be found
            spans.note({"dayahead.issued_at": format_utc(now)})
            held.state.weather.add(arrival.run for arrival in taken.weather)
            result = compute(prepared, held.state, self._releases.forecasting, self._sources, now)
        self._probe.reached(Step.COMPUTED)
        changed = self._changed_hours(held, result)
        checkpoint = _checkpoint_of(held, result, int(taken.offsets[-1]) + 1, changed=changed)
        self._committer.commit(held, replace(checkpoint, weather=taken.weather))
        held.is_settled = True
        self._count_forecasts(held, checkpoint.forecasts)
        self._count(held, result, len(taken.refusals))
        self._count_weather(decoded)
        for source, count in taken.beyond_limits.items():
            LOST_VALUES.labels(source).inc(count)

    def _changed_hours(self, held: HeldPartition, result: Result) -> ChangedHours | None:
        """Find the hours that a day product may have been scored with, or without: not the new ones ahead of all."""
        gated = [key for key, source in self._sources.items() if source.gates]
        rows = result.observations
        if not gated or not len(rows.hour):
            return None
        index = held.state.index_of_keys(rows.series_key)
        chosen = ~result.new.observations | (rows.hour < held.state.newest[index])
        chosen &= np.isin(held.state.source_keys[index], gated)
        return ChangedHours(rows.series_key[chosen], rows.hour[chosen])

    def _count(self, held: HeldPartition, result: Result, refused: int) -> None:
        metrics.BATCHES.inc()
        for outcome, count in result.outcomes.items():
            metrics.ROWS.labels(outcome.value).inc(count)
        metrics.ROWS.labels(Outcome.DEAD_LETTER.value).inc(refused)
        for reason, count in result.unforecast.items():
            metrics.UNFORECAST.labels(reason.value).inc(count)
        scores = result.scores.take(result.new.scores & self._are_parts(held, result.scores.series_key))
        if len(scores):
            series = [held.state.by_key[key] for key in scores.series_key.tolist()]
            index = np.array([held.state.index_of[one.series_id] for one in series], np.int64)
            leads = np.arange(1, DAY_LEADS + 1)
            actual = held.state.value_at(index[:, None], scores.origin[:, None] + leads)
            areas = np.array([one.area for one in series], object)
            metrics.count_scores(scores, actual, areas)
            metrics.count_days(scores, np.ones(len(scores), np.int64), areas)
        counted = self._are_parts(held, result.day_scores.scores.series_key)
        later = result.day_scores.take(result.new.day_scores & counted)
        if len(later):
            areas = np.array([held.state.by_key[key].area for key in later.scores.series_key.tolist()], object)
            metrics.count_days(later.scores, later.horizon_day, areas)

    def _count_forecasts(self, held: HeldPartition, forecasts: ForecastRows) -> None:
        """Count the forecasts of series that follow a location, by weather source."""
        named = {key: source.weather for key, source in self._sources.items() if source.weather is not None}
        if not named or not len(forecasts):
            return
        state = held.state
        series = state.index_of_keys(forecasts.series_key)
        source_keys = state.source_keys[series]
        for key, places in named.items():
            rows = np.flatnonzero(source_keys == key)
            follows = state.weather.follow_a_place(
                key, places, series[rows], lambda index: state.series[index].series_id
            )
            count_forecasts(places.source, forecasts.reasons[rows[follows]])

    def _count_weather(self, decoded: Sequence[DecodedMessage]) -> None:
        named = {source.weather.source for source in self._sources.values() if source.weather is not None}
        for message in decoded:
            if message.is_weather:
                kind = message.weather.values[0].kind.value if message.weather is not None else "refused"
                count_message(message.source, kind, named)

    def run_maintenance(self) -> None:
        """Run the periodic maintenance: load a new champion, keep passed gates, fill Redis, record what was sent.

        Raises:
            FencedError: another worker has taken a partition over.
        """
        changed = self._releases.look()
        self._database.retry(self._intake.follow_sources)
        self._look_up_sources()
        restored = self._restored()
        if changed:
            # in parallel; consumed so that an error is raised
            list(self._refreshers.map(self._refresh, restored))
        for held in restored:
            self._committer.record_published(held)
        self._gates.keep(restored, self._sources)
        self._follower.fill_missing(restored)
        self._keeper.keep_one(restored)
        self._quality.keep(restored, self._newest_by_source())
        self._losses.show(restored, self._intake.sources)
        self.show()

    def prepare_shutdown(self) -> None:
        """Prepare a clean shutdown: record what was sent and copy the windows for the next owner.

        Raises:
            FencedError: another worker has taken a partition over.
        """
        restored = self._restored()
        for held in restored:
            self._committer.record_published(held)
        self._keeper.keep_all(restored)

    def look_at_redis(self) -> None:
        """Check whether Redis is unreachable, back, or restored from a snapshot; safe to run at any time."""
        self._follower.look(self._restored())

    @property
    def redis_trouble(self) -> str | None:
        """The problem with Redis as a sentence; None where it has every forecast."""
        return self._follower.trouble(self._restored())

    def _restored(self) -> list[HeldPartition]:
        return [held for held in list(self._held.values()) if held.is_restored]

    def _refresh(self, held: HeldPartition) -> None:
        """Forecast every series of a partition at its newest hour, and record the release."""
        forecasting = self._releases.forecasting
        about: Attributes = {"dayahead.partition": held.claim.partition, "dayahead.release": str(forecasting.release)}
        with spans.span("refresh partition", about):
            self._refresh_with(held, forecasting)

    def _refresh_with(self, held: HeldPartition, forecasting: Forecasting) -> None:
        self._look_up_sources()
        series = np.flatnonzero(held.state.newest > NEVER)
        parts = np.array_split(series, max(1, -(-len(series) // REFRESHED_AT_ONCE)))
        for number, part in enumerate(parts, 1):
            offset = np.full(len(part), held.next_offset, np.int64)
            made = forecasting.make(held.state, self._sources, part, offset, self._clock())
            result = Result.of_forecasts(made)
            done = forecasting.release if number == len(parts) else None
            self._committer.commit(held, _checkpoint_of(held, result, held.next_offset, done))
            if made is not None:
                self._count_forecasts(held, made.rows)
                held.state.note_forecasts(made.series, made.rows.origin, made.rows.rung)
        held.release = forecasting.release
        log.info("partition_refreshed", partition=held.claim.partition, series=len(series), release=forecasting.release)

    def _load_sources(self) -> None:
        self._database.retry(self._intake.load_sources)
        self._look_up_sources()

    def _are_parts(self, held: HeldPartition, series_keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether series are no totals, which repeat their parts: bool [n]."""
        sources = (self._sources[held.state.by_key[key].source_key] for key in series_keys.tolist())
        return np.array([source.totals_of is None for source in sources], bool)

    def _look_up_sources(self) -> None:
        self._sources = {one.source_key: one.source for one in self._intake.sources.values()}

    def show(self) -> None:
        """Update the gauges."""
        metrics.PARTITIONS.set(len(self._held))
        sources = list(self._intake.sources.values())
        metrics.show_series(self._restored(), self._newest_by_source(), sources, self._clock())
        places = [source.weather for source in self._sources.values() if source.weather is not None]
        named = {(one.source, location) for one in places for location in one.locations}
        self._newest_runs.show((held.state.weather for held in self._restored()), named)

    def _newest_by_source(self) -> dict[int, Hour]:
        newest: dict[int, Hour] = {}
        for held in self._restored():
            for source_key, hour in held.state.newest_by_source().items():
                newest[source_key] = max(hour, newest.get(source_key, NEVER))
        return newest

    def close(self) -> None:
        """Close the connections to all servers."""
        self._refreshers.shutdown()
        self._database.close()
        self._log.close()


def _weather_follows(decoded: Sequence[DecodedMessage], end: int) -> bool:
    """Whether a batch must end before a message: weather counts for the rows after it, not for those before."""
    return end < len(decoded) and decoded[end].weather is not None and decoded[end - 1].weather is None


def _checkpoint_of(
    held: HeldPartition,
    result: Result,
    next_offset: int,
    release: str | None = None,
    changed: ChangedHours | None = None,
) -> Checkpoint:
    origins, state, later = result.forecasts.origin, held.state, result.day_scores
    return Checkpoint(
        observations=result.observations,
        revisions=result.revisions,
        forecasts=result.forecasts,
        features=result.features,
        scores=result.scores,
        accuracy=AccuracyDays.of(result.scores, state.group_of(result.scores.series_key), state.groups),
        day_scores=later,
        day_accuracy=AccuracyDays.of(
            later.scores, state.group_of(later.scores.series_key), state.groups, later.horizon_day
        ),
        new=result.new,
        move=Move(
            first_offset=held.next_offset,
            next_offset=next_offset,
            # every earlier checkpoint has been sent to Kafka already
            published_offset=held.next_offset,
            unconfirmed_from=int(origins.min()) if len(origins) else None,
            release=release,
            sequence=held.sequence + 1 if len(origins) else None,
        ),
        changed=changed or ChangedHours(),
    )
