"""Validates decoded messages and resolves their series; what is invalid becomes dead letters."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg
import structlog
from numpy.typing import NDArray

from dayahead.errors import ContractError, DeadLetterCode
from dayahead.hours import HOUR_US, format_utc, from_hour
from dayahead.rules import RowRules, foreign_series, unknown_source
from dayahead.series import check_canonical, partition_of
from dayahead.storage.tables.limit_rejection import LimitRejection, write_rejections
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import RegisteredSource, load_sources, sources_version
from dayahead.storage.tables.weather_arrival import Arrival
from dayahead.storage.tables.weather_run import WeatherRun
from stream.intake.decode import DecodedMessage, Decoder, Refusal
from stream.partition.metrics import NEW_SERIES
from stream.partition.rows import Rows
from stream.partition.state import PartitionState
from stream.servers.log_reader import LogMessage

log = structlog.get_logger()

UNKNOWN = -1
EXAMPLES = 5


@dataclass(frozen=True)
class Taken:
    """The content of a batch of messages.

    Attributes:
        rows: valid rows, in the order of the log.
        offsets: int64 [m], offset of each message.
        refusals: rejected rows and messages, in the order of the log.
        beyond_limits: by source, number of values outside its limits, of known series.
        weather: publications, in the order of the log.
    """

    rows: Rows
    offsets: NDArray[np.int64]
    refusals: Sequence[Refusal]
    beyond_limits: Mapping[str, int]
    weather: Sequence[Arrival]


class Intake:
    """Decodes messages, validates them against their sources, and registers new series.

    Attributes:
        sources: registered sources by name, as last read.
    """

    def __init__(self, partitions: int) -> None:
        self._decoder = Decoder()
        self._partitions = partitions
        self.sources: Mapping[str, RegisteredSource] = {}
        self._rules: Mapping[str, RowRules] = {}
        self._version: object = None

    def load_sources(self, connection: psycopg.Connection) -> None:
        """Reload the registered sources."""
        self._version = sources_version(connection)
        self.sources = load_sources(connection)
        self._rules = {name: RowRules(registered.source) for name, registered in self.sources.items()}

    def follow_sources(self, connection: psycopg.Connection) -> None:
        """Reload the registered sources if they have changed."""
        if sources_version(connection) != self._version:
            self.load_sources(connection)

    def decode(self, messages: Sequence[LogMessage]) -> list[DecodedMessage]:
        """Decode messages; needs no server."""
        return [self._decoder.decode(message) for message in messages]

    def take(
        self,
        connection: psycopg.Connection,
        decoded: Sequence[DecodedMessage],
        state: PartitionState,
        partition: int,
        now: datetime,
    ) -> Taken:
        """Validate decoded messages and look up their series; safe to retry.

        Args:
            connection: to TimescaleDB; new series are registered and committed at once.
            decoded: messages of the partition, in the order of the log.
            state: of the partition; new series are added to it.
            partition: its number.
            now: `first_seen` of new series.
        """
        if not {message.source for message in decoded if message.series_ids} <= self.sources.keys():
            self.load_sources(connection)
        for message in decoded:
            self._judge(message)
        refused = self._register(connection, decoded, state, partition, now)
        beyond_limits: Counter[str] = Counter()
        for message in decoded:
            if rejections := self._beyond_limits(message, state):
                write_rejections(connection, rejections)
                beyond_limits[message.source] += len(rejections)
        return self._rows(decoded, state, refused, beyond_limits)

    def _beyond_limits(self, message: DecodedMessage, state: PartitionState) -> list[LimitRejection]:
        """List the values of a message outside the limits of its source; a series without valid values has no key."""
        if not message.beyond_limits:
            return []
        source_key = self.sources[message.source].source_key
        return [
            LimitRejection(int(state.keys[index]), hour, value, message.available_us)
            for series_id, hour, value in message.beyond_limits
            if (index := state.index_of.get(series_id)) is not None and state.source_keys[index] == source_key
        ]

    def _judge(self, message: DecodedMessage) -> None:
        """Reject the rows of a message that break a rule of their source; idempotent."""
        rules = self._rules.get(message.source)
        if rules is None or not message.hours:
            return
        errors: dict[int, ContractError] = {}
        for place in rules.suspects(np.array(message.hours, np.int64), np.array(message.values)).tolist():
            hour = message.hours[place]
            try:
                rules.check_start(hour * HOUR_US, format_utc(from_hour(hour)))
                rules.check_value(message.values[place])
            except ContractError as error:
                errors[place] = error
                if error.code is DeadLetterCode.ABSURD_VALUE:
                    message.beyond_limits.append((message.series_ids[place], hour, message.values[place]))
        message.refuse(errors)

    def _register(
        self,
        connection: psycopg.Connection,
        decoded: Sequence[DecodedMessage],
        state: PartitionState,
        partition: int,
        now: datetime,
    ) -> dict[tuple[str, str], ContractError]:
        """Register new series; return why (source, series_id) pairs are rejected."""
        # in the order of the log: the first of two sources that send a new series owns it
        pairs = dict.fromkeys(
            (message.source, series_id)
            for message in decoded
            for series_id in message.series_ids
            if series_id not in state.index_of
        )
        refused: dict[tuple[str, str], ContractError] = {}
        fresh: dict[str, list[str]] = {}
        for name, series_id in pairs:
            try:
                self._check(name, series_id, partition)
            except ContractError as error:
                refused[name, series_id] = error
            else:
                fresh.setdefault(name, []).append(series_id)
        for name, series_ids in fresh.items():
            with connection.transaction():
                known = register_series(connection, series_ids, self.sources[name], self._partitions, now)
            state.add([known[series_id] for series_id in sorted(known)])
            NEW_SERIES.labels(name).inc(len(known))
            log.info("series_added", source=name, count=len(known), examples=sorted(known)[:EXAMPLES])
        return refused

    def _check(self, name: str, series_id: str, partition: int) -> None:
        if name not in self.sources:
            raise unknown_source(name)
        self._rules[name].check_series(series_id)
        check_canonical(series_id)
        if (home := partition_of(series_id, self._partitions)) != partition:
            raise ContractError(
                DeadLetterCode.MISROUTED,
                f"series {series_id!r} belongs to partition {home}, not {partition}: send it with its series_id as key",
            )

    def _rows(
        self,
        decoded: Sequence[DecodedMessage],
        state: PartitionState,
        refused: Mapping[tuple[str, str], ContractError],
        beyond_limits: Mapping[str, int],
    ) -> Taken:
        index_of = state.index_of
        message: list[int] = []
        series: list[int] = []
        hours: list[int] = []
        values: list[float] = []
        for number, one in enumerate(decoded):
            found = [index_of.get(series_id, UNKNOWN) for series_id in one.series_ids]
            source = self.sources.get(one.source)
            mine = np.zeros(len(found), np.bool_)
            if source is not None and len(state):
                mine = state.source_keys[np.array(found, np.int64)] == source.source_key
            if UNKNOWN in found or not mine.all():
                one.refuse(self._foreign(one, found, mine, source, refused))
                found = [index_of[series_id] for series_id in one.series_ids]
            message.extend([number] * len(found))
            series.extend(found)
            hours.extend(one.hours)
            values.extend(one.values)
        of_message = np.array(message, np.int64)
        available = np.array([one.available_us for one in decoded], np.int64)
        refresh = np.array([one.refresh for one in decoded], np.bool_)
        return Taken(
            Rows(
                of_message,
                np.array(series, np.int64),
                np.array(hours, np.int64),
                np.array(values, np.float64),
                available[of_message],
                refresh[of_message],
            ),
            np.array([one.offset for one in decoded], np.int64),
            [refusal for one in decoded for refusal in one.refusals],
            beyond_limits,
            [
                Arrival(one.offset, WeatherRun(one.weather.source, values))
                for one in decoded
                if one.weather is not None
                for values in one.weather.values
            ],
        )

    @staticmethod
    def _foreign(
        one: DecodedMessage,
        found: list[int],
        mine: NDArray[np.bool_],
        source: RegisteredSource | None,
        refused: Mapping[tuple[str, str], ContractError],
    ) -> dict[int, ContractError]:
        """Find the rows of a message whose series belong to another source: place of the row -> why."""
        errors: dict[int, ContractError] = {}
        for place, index in enumerate(found):
            series_id = one.series_ids[place]
            if source is None:
                errors[place] = unknown_source(one.source)
            elif index == UNKNOWN:
                errors[place] = refused[one.source, series_id]
            elif not mine[place]:
                errors[place] = foreign_series(series_id, one.source)
        return errors
