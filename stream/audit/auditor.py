"""Recomputes served forecasts from TimescaleDB, and compares them byte for byte with what is kept and served.

The newest forecast of a series is a function of the current window, of the weather that had come before the message
that made it, and of the release in service, since every message that changes the window makes a new forecast. The
audit skips it where this does not hold: while workers load another release, and where later messages changed the
window without asking for a forecast (a backfill), which the log must confirm. Forecasts of older origins used the
values known at their time: a difference is a mismatch only where the log shows that no message has changed the window
since.

The audit also compares with the tables what Redis serves, and the newest message of each series and origin in Kafka.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import psycopg
import redis
from pydantic import SecretStr

from dayahead.contracts import Reason, Rung
from dayahead.hours import format_utc, from_hour
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release
from dayahead.storage.database import connect
from dayahead.storage.forecast_cache import forecast_key, sequence_key
from dayahead.storage.forecasts import earlier_bytes, message_values
from dayahead.storage.tables.forecast import ForecastRows
from dayahead.storage.tables.model_release import load_artifact
from dayahead.storage.tables.series import load_series, random_ids
from stream.audit.log_reading import LaterMessages, SentForecasts
from stream.audit.table_reading import ServedForecast, ServingPair, read_older, read_served, weather_is_unsure

FALLS_BACK = Reason.MODEL_FAILED | Reason.OUTPUT_REJECTED


AT_ONCE = 500
"""Series whose windows are held at once, in one snapshot of the tables."""


class Outcome(StrEnum):
    """Result of auditing one forecast; label of `dayahead_audit_total`."""

    MATCH = "match"
    MISMATCH = "mismatch"
    SKIPPED = "skipped"
    """The audit cannot decide at the moment: see above."""


@dataclass(frozen=True)
class Finding:
    """One audited forecast.

    Attributes:
        series_id: of the forecast.
        outcome: match, mismatch or skipped.
        message: what differs, or why it was skipped; empty for a match.
    """

    series_id: str
    outcome: Outcome
    message: str = ""


class Auditor:
    """Audits forecasts; writes nothing.

    Raises:
        StorageError: TimescaleDB cannot be used.
        psycopg.Error: the connection to TimescaleDB broke.
        redis.RedisError: Redis does not answer.
        BrokerUnavailable: Kafka does not answer.
    """

    def __init__(
        self, *, database_url: SecretStr, redis_url: SecretStr, topic: str, later: LaterMessages, sent: SentForecasts
    ) -> None:
        self._database_url, self._topic, self._later, self._sent = database_url, topic, later, sent
        self._redis = redis.Redis.from_url(redis_url.get_secret_value(), socket_timeout=10, socket_connect_timeout=5)
        self._forecaster = Forecaster(None)
        self._pair = ServingPair(None, None)

    def audit_sample(self, count: int) -> list[Finding]:
        """Audit a random sample: newest forecasts, one older forecast, and one forecast in Kafka."""
        with closing(connect(self._database_url, wait_s=0.0, autocommit=True)) as connection:
            series_ids = random_ids(connection, count)
            findings, sound = self._audit(connection, series_ids)
            older = self._audit_older(connection, series_ids[:1])
            return [*findings, *older, *self._audit_sent(connection, sound[:1])]

    def audit_older(self, series_ids: Sequence[str]) -> list[Finding]:
        """Audit one older forecast of each series; a series without any has no finding."""
        with closing(connect(self._database_url, wait_s=0.0, autocommit=True)) as connection:
            return self._audit_older(connection, series_ids)

    def audit(self, series_ids: Sequence[str]) -> list[Finding]:
        """Audit the newest forecasts of given series, in Kafka too; a series without any has no finding."""
        with closing(connect(self._database_url, wait_s=0.0, autocommit=True)) as connection:
            return self._audit_everywhere(connection, series_ids)

    def audit_all(self) -> list[Finding]:
        """Audit the newest forecasts of all series, in Kafka too, some hundreds at a time."""
        with closing(connect(self._database_url, wait_s=0.0, autocommit=True)) as connection:
            series = sorted(load_series(connection), key=lambda one: one.partition)
            series_ids = [one.series_id for one in series]
            parts = [series_ids[start : start + AT_ONCE] for start in range(0, len(series_ids), AT_ONCE)]
            findings = []
            for part in parts:
                findings += self._audit_everywhere(connection, part)
            return findings

    def close(self) -> None:
        """Close the connection to Redis."""
        self._redis.close()

    def _audit(
        self, connection: psycopg.Connection, series_ids: Sequence[str]
    ) -> tuple[list[Finding], list[ServedForecast]]:
        """Audit each newest forecast; return the findings, and the forecasts that match."""
        served = read_served(connection, self._topic, series_ids)
        if served:
            self._take_up(connection, served[0].pair)
        findings = [self._judge(connection, one) for one in served]
        judged = zip(served, findings, strict=True)
        return findings, [one for one, finding in judged if finding.outcome is Outcome.MATCH]

    def _audit_older(self, connection: psycopg.Connection, series_ids: Sequence[str]) -> list[Finding]:
        findings = []
        for series_id in series_ids:
            served = read_older(connection, self._topic, series_id)
            if served is not None:
                self._take_up(connection, served.pair)
                findings.append(self._judge_older(connection, served))
        return findings

    def _judge_older(self, connection: psycopg.Connection, served: ServedForecast) -> Finding:
        """Compare an older forecast with its inputs; a difference is a mismatch unless the log shows a later change."""
        series_id = served.series.series_id
        fault = fault_of(served, self._forecaster, served.pair)
        if not fault:
            return Finding(series_id, Outcome.MATCH)
        if served.row.reasons[0] & FALLS_BACK:
            return Finding(series_id, Outcome.SKIPPED, "the champion failed, and what took over depends on its worker")
        if unsure := weather_is_unsure(connection, served):
            return Finding(series_id, Outcome.SKIPPED, unsure)
        changed = self._later.changed_window(
            self._topic,
            served.series.partition,
            int(served.row.message_offset[0]),
            served.position.next_offset,
            series_id,
            int(served.row.origin[0]),
        )
        if changed is None:
            return Finding(series_id, Outcome.SKIPPED, f"{fault}; the log is too short or too long to find the cause")
        if changed:
            return Finding(series_id, Outcome.SKIPPED, "its inputs have been revised since")
        return Finding(series_id, Outcome.MISMATCH, fault)

    def _audit_everywhere(self, connection: psycopg.Connection, series_ids: Sequence[str]) -> list[Finding]:
        findings, sound = self._audit(connection, series_ids)
        return [*findings, *self._audit_sent(connection, sound)]

    def _audit_sent(self, connection: psycopg.Connection, served: Sequence[ServedForecast]) -> list[Finding]:
        """Compare forecasts that match in the tables and Redis with those in Kafka."""
        findings = []
        for partition in sorted({one.series.partition for one in served}):
            here = [one for one in served if one.series.partition == partition]
            since_us = min(int(one.row.issued_us[0]) for one in here)
            newest = self._sent.newest(partition, since_us, [one.series.series_id for one in here])
            findings += [self._compare_with_sent(connection, one, newest) for one in here]
        return findings

    def _compare_with_sent(
        self, connection: psycopg.Connection, served: ServedForecast, newest: Mapping[tuple[str, str], bytes] | None
    ) -> Finding:
        series_id, expected = served.series.series_id, bytes_of(served, served.row)
        if newest is None:
            return Finding(series_id, Outcome.SKIPPED, "too many forecasts were sent since to look for it in Kafka")
        held = newest.get((series_id, format_utc(from_hour(int(served.row.origin[0])))))
        if held in (expected, *earlier_bytes(expected)):
            return Finding(series_id, Outcome.MATCH)
        if not served.position.has_published(int(served.row.message_offset[0])):
            return Finding(series_id, Outcome.SKIPPED, "it is being sent to Kafka")
        if held is None:
            return Finding(series_id, Outcome.SKIPPED, "it is no longer in Kafka")
        # Kafka was read after the tables: it may have a newer forecast, which is then in the tables too
        again = read_served(connection, self._topic, [series_id])
        if again and bytes_of(served, again[0].row) != expected:
            return Finding(series_id, Outcome.SKIPPED, "a newer one was made in the meantime")
        return Finding(series_id, Outcome.MISMATCH, f"Kafka holds {held!r}, TimescaleDB {expected!r}")

    def _take_up(self, connection: psycopg.Connection, pair: ServingPair) -> None:
        if pair != self._pair:
            releases = [
                Release.from_bytes(load_artifact(connection, release)) if release else None
                for release in (pair.release, pair.previous)
            ]
            self._forecaster, self._pair = Forecaster(*releases), pair

    def _judge(self, connection: psycopg.Connection, served: ServedForecast) -> Finding:
        series_id = served.series.series_id
        if served.position.release != served.pair.release:
            return Finding(series_id, Outcome.SKIPPED, f"release {served.pair.release} is being loaded by the workers")
        fault = fault_of(served, self._forecaster, served.pair)
        if fault:
            return self._explained(connection, served, fault)
        return self._compare_with_redis(connection, served)

    def _explained(self, connection: psycopg.Connection, served: ServedForecast, fault: str) -> Finding:
        series_id = served.series.series_id
        if served.row.reasons[0] & FALLS_BACK:
            return Finding(series_id, Outcome.SKIPPED, "the champion failed, and what took over depends on its worker")
        if unsure := weather_is_unsure(connection, served):
            return Finding(series_id, Outcome.SKIPPED, unsure)
        quietly = self._later.changed_quietly(
            self._topic,
            served.series.partition,
            int(served.row.message_offset[0]),
            served.position.next_offset,
            series_id,
        )
        if quietly is None:
            return Finding(series_id, Outcome.SKIPPED, f"{fault}; the log is too short or too long to find the cause")
        if quietly:
            return Finding(series_id, Outcome.SKIPPED, "a message that asked for no forecast changed its window")
        return Finding(series_id, Outcome.MISMATCH, fault)

    def _compare_with_redis(self, connection: psycopg.Connection, served: ServedForecast) -> Finding:
        series_id = served.series.series_id
        expected = bytes_of(served, served.row)
        partition, sequence = served.series.partition, served.position.sequence
        held, number = self._redis.mget([forecast_key(series_id), sequence_key(self._topic, partition)])
        if held == expected:
            return Finding(series_id, Outcome.MATCH)
        if number is None or not number.isdigit() or int(number) < sequence:
            reason = f"Redis lacks forecasts of partition {partition} (it has sequence {number!r}, not {sequence})"
            return Finding(series_id, Outcome.SKIPPED, f"{reason}, so the API reads them from TimescaleDB")
        if held is None:
            return Finding(series_id, Outcome.SKIPPED, "Redis has nothing of it, so the API reads it from TimescaleDB")
        # Redis was read after the tables: it may have a newer forecast, which is then in the tables too
        again = read_served(connection, self._topic, [series_id])
        if again and bytes_of(served, again[0].row) != expected:
            return Finding(series_id, Outcome.SKIPPED, "a newer one was made in the meantime")
        return Finding(series_id, Outcome.MISMATCH, f"Redis holds {held!r}, TimescaleDB {expected!r}")


def fault_of(served: ServedForecast, forecaster: Forecaster, pair: ServingPair) -> str:
    """Describe how a stored forecast differs from the one recomputed from its inputs; empty where it does not."""
    row, newest = served.row, int(served.window.origin[0])
    if row.origin[0] != newest:
        return f"its origin is hour {row.origin[0]} and the newest observed hour is {newest}"
    made = forecaster.forecast(served.window)
    by_rung = {Rung.FULL: pair.release, Rung.DEGRADED_INPUT: pair.release, Rung.PREVIOUS_RELEASE: pair.previous}
    recomputed = replace(
        row,
        release=np.array([by_rung.get(Rung(int(made.rung[0])))], object),
        rung=made.rung,
        reasons=made.reasons,
        floor_days=made.floor_days,
        leads=np.where(made.rung == Rung.NONE, 0, served.window.leads).astype(np.int16),
        p50=made.p50,
        p10=made.p10,
        p90=made.p90,
    )
    kept, right = bytes_of(served, row), bytes_of(served, recomputed)
    if kept != right:
        return f"TimescaleDB holds {kept!r}, its inputs give {right!r}"
    if served.features.tobytes() != made.features[0].tobytes():
        return f"its features are {served.features.tolist()}, its inputs give {made.features[0].tolist()}"
    return ""


def bytes_of(served: ServedForecast, row: ForecastRows) -> bytes:
    """Encode a forecast of the served series as in Redis and Kafka."""
    return message_values({served.series.series_key: served.series}, row)[0]
