"""The shipped sample as the service would have it in TimescaleDB and Redis, with forecasts of a simple rule.

Some series are spoilt on purpose, one for each state that the page has to show.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pyarrow.parquet as pq
import redis
from numpy.typing import NDArray

from dayahead.contracts import Reason, Rung
from dayahead.evaluation.score import ScoreBatch, score, score_hours
from dayahead.horizon import DAY_LEADS
from dayahead.hours import Hour, format_utc, from_hour, to_hour
from dayahead.reading.source_file import load_source
from dayahead.storage.forecast_cache import forecast_key, sequence_key
from dayahead.storage.forecasts import forecast_bytes
from dayahead.storage.tables.accuracy_day import AccuracyDays
from dayahead.storage.tables.day_ahead import due_products, keep_products
from dayahead.storage.tables.day_ahead_score import write_scores
from dayahead.storage.tables.forecast import StoredForecast
from dayahead.storage.tables.observation import read_observations
from dayahead.storage.tables.partition_quality import write_quality
from dayahead.storage.tables.poll_cursor import move_cursor
from dayahead.storage.tables.score import SCORE, ScoreRows
from dayahead.storage.tables.series import RegisteredSeries, register_series
from dayahead.storage.tables.source import RegisteredSource, register_source
from dayahead.storage.tables.training_quarantine import QuarantinedRange, save_quarantine
from dayahead.storage.tables.tuning_run import Outcome, finish_run, start_run
from dayahead.storage.tables.worker_offset import claim_partition
from dayahead.topics import OBSERVATIONS
from stream.commit.partition_quality import quality_of
from stream.gates.scoring import score_products
from stream.partition.state import PartitionState

INGEST = Path(__file__).parents[2] / "ingest"
DATA = INGEST / "sample" / "ConsumptionDE35Hour.parquet"
SOURCE = INGEST / "sources" / "consumption-de35-hour.yaml"

PARTITIONS = 8
SEQUENCE = 3
LEADS = load_source(SOURCE).leads
FORECAST_COLUMNS = "series_key, origin, issued_at, release, rung, reasons, p50, p10, p90, message_offset"
SCORE_COLUMNS = ", ".join(item.name for item in fields(ScoreBatch))

ORIGINS = 200
RELEASE = "r-0123456789ab"

QUARANTINED = "DK1/130"
STALE = "DK1/211"
HOLED = "DK1/212"
PROFILE = "DK2/211"
NO_FORECAST = "DK2/220"
WORSE_THAN_NAIVE = "DK1/220"


@dataclass(frozen=True)
class Sample:
    """What was inserted.

    Attributes:
        series: rows of `values`.
        start: hour of column 0.
        values: float64 [series, hours] in kWh; NaN where the sample was spoilt.
        newest: newest hour of the source.
    """

    series: list[RegisteredSeries]
    start: Hour
    values: NDArray[np.float64]
    newest: Hour


def insert_sample(database_url: str, redis_url: str, now: datetime, hours: int | None = None) -> Sample:
    """Fill a migrated, empty database and an empty Redis.

    Args:
        database_url: postgresql:// URL of the services' role.
        redis_url: redis:// URL.
        now: when the newest hour was published.
        hours: keep this many of the sample's hours; None for all.
    """
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        ids, start, values = _read(hours)
        source = register_source(connection, load_source(SOURCE))
        registered = register_series(connection, ids, source, PARTITIONS, now)
        sample = Sample([registered[series_id] for series_id in ids], start, values, start + values.shape[1] - 1)
        _spoil(sample)
        _copy_observations(connection, sample)
        move_cursor(connection, source.source_key, sample.newest + 1, now)
        _insert_release(connection, now)
        _insert_training(connection, sample, now)
        newest = _copy_forecasts(connection, sample, now)
        _keep_days(connection, source, sample, now)
        _look_at_quality(connection, sample, newest, now)
        _insert_offsets(connection, now)
    with redis.Redis.from_url(redis_url) as client:
        client.mset({forecast_key(f.series_id): forecast_bytes(f) for f in newest})
        client.mset({sequence_key(OBSERVATIONS.name, partition): SEQUENCE for partition in range(PARTITIONS)})
    return sample


def forget_all_but_the_newest_hour(connection: psycopg.Connection, series_id: str) -> None:
    """Make a series young: one observed hour."""
    connection.execute(
        "DELETE FROM observation WHERE series_key = (SELECT series_key FROM series WHERE series_id = %(id)s)"
        " AND valid_time < (SELECT max(valid_time) FROM observation JOIN series USING (series_key)"
        " WHERE series_id = %(id)s)",
        {"id": series_id},
    )


def _insert_offsets(connection: psycopg.Connection, now: datetime) -> None:
    """Workers hold all partitions, and Redis has what they committed."""
    connection.cursor().executemany(
        "INSERT INTO worker_offset (topic, partition, partitions, next_offset, published_offset, claim, worker,"
        " updated_at, forecast_sequence) VALUES (%s, %s, %s, 1, 1, 1, 'worker', %s, %s)"
        " ON CONFLICT (topic, partition) DO UPDATE SET forecast_sequence = excluded.forecast_sequence",
        [(OBSERVATIONS.name, partition, PARTITIONS, now, SEQUENCE) for partition in range(PARTITIONS)],
    )


def _read(hours: int | None) -> tuple[list[str], Hour, NDArray[np.float64]]:
    table = pq.read_table(DATA)
    times = np.array(
        [to_hour(datetime.fromisoformat(str(t)).replace(tzinfo=UTC)) for t in table["HourUTC"].to_pylist()]
    )
    names = [
        f"{a}/{c}" for a, c in zip(table["PriceArea"].to_pylist(), table["ConsumerType_DE35"].to_pylist(), strict=True)
    ]
    ids, rows = np.unique(names, return_inverse=True)
    start = int(times.min())
    values = np.full((len(ids), int(times.max()) - start + 1), np.nan)
    values[rows, times - start] = table["TotalCon"].to_numpy()
    return [str(i) for i in ids], start, values[:, : hours or None]


def _row(sample: Sample, series_id: str) -> int:
    return next(row for row, series in enumerate(sample.series) if series.series_id == series_id)


def _spoil(sample: Sample) -> None:
    sample.values[_row(sample, STALE), -30:] = np.nan
    sample.values[_row(sample, HOLED), -60:-52] = np.nan


def _copy_observations(connection: psycopg.Connection, sample: Sample) -> None:
    rows, columns = np.nonzero(~np.isnan(sample.values))
    lines = io.StringIO()
    moments = [format_utc(from_hour(sample.start + column)) for column in range(sample.values.shape[1])]
    published = [format_utc(from_hour(sample.start + column + 1)) for column in range(sample.values.shape[1])]
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        key = sample.series[row].series_key
        lines.write(f"{key}\t{moments[column]}\t{sample.values[row, column]}\t{published[column]}\n")
    with connection.cursor().copy("COPY observation (series_key, valid_time, value, available_at) FROM STDIN") as copy:
        copy.write(lines.getvalue())


def _insert_release(connection: psycopg.Connection, now: datetime) -> None:
    connection.execute(
        "INSERT INTO model_release (release, artifact, created_at, trained_from, trained_until, data_fingerprint,"
        " settings, metrics) VALUES (%s, '', %s, %s, %s, 'd-1', '{}', '{\"wape_percent\": 6.4}')",
        [RELEASE, now, now, now],
    )
    connection.execute(
        "INSERT INTO promotion (release, promoted_at, promoted_by, reason) VALUES (%s, %s, 'trainer', %s)",
        [RELEASE, now, "the first release that beats the seasonal naive"],
    )


def _insert_training(connection: psycopg.Connection, sample: Sample, now: datetime) -> None:
    run = start_run(connection, "schedule", "the weekly training", now)
    finish_run(connection, run, Outcome.PROMOTED, now, RELEASE)
    series = sample.series[_row(sample, QUARANTINED)]
    end = sample.newest - 40
    reason = "12 hours with the same value: a stuck meter"
    save_quarantine(
        connection,
        run,
        [QuarantinedRange(series.series_key, series.series_id, end - 12, end, "stuck_meter", 12, reason)],
    )


def _copy_forecasts(connection: psycopg.Connection, sample: Sample, now: datetime) -> list[StoredForecast]:
    filled = sample.values.copy()
    for column in range(1, filled.shape[1]):
        lag = filled[:, max(0, column - 24)]
        filled[:, column] = np.where(np.isnan(filled[:, column]), lag, filled[:, column])
    newest = []
    lines, scores, added = io.StringIO(), io.StringIO(), []
    for row, series in enumerate(sample.series):
        last = int(np.flatnonzero(~np.isnan(sample.values[row]))[-1])
        matured = []
        for column in range(max(192, last + 1 - ORIGINS), last + 1):
            forecast = _forecast(sample, filled[row], series, column, now)
            lines.write(_line(series.series_key, forecast))
            if column + 24 <= last and forecast.rung < Rung.NONE:
                matured.append((column, forecast))
        if matured:
            batch = _score(sample.values[row], matured)
            scores.writelines(_score_lines(batch, series.series_key, matured))
            added.append(_score_rows(batch, series.series_key, matured))
        newest.append(forecast)
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY forecast ({FORECAST_COLUMNS}) FROM STDIN") as copy:
            copy.write(lines.getvalue())
        with cursor.copy(f"COPY score (series_key, origin, release, rung, {SCORE_COLUMNS}) FROM STDIN") as copy:
            copy.write(scores.getvalue())
        cursor.execute(SCORE.create_incoming.encode())
        joined = ScoreRows.joined(added)
        areas = {series.series_key: series.area for series in sample.series}
        groups = [(area, "kWh") for area in ("DK1", "DK2")]
        group = np.array([("DK1", "DK2").index(areas[key]) for key in joined.series_key.tolist()])
        AccuracyDays.of(joined, group, groups).add(cursor, partition=0)
    return newest


def _keep_days(connection: psycopg.Connection, registered: RegisteredSource, sample: Sample, now: datetime) -> None:
    """The days at the last gates, and their scores, as the worker keeps them."""
    source = registered.source
    gates = source.passed_gates(source.now(now, from_hour(sample.newest)), timedelta(days=5))
    with connection.cursor() as cursor:
        for partition in range(PARTITIONS):
            for gate in gates:
                newest = to_hour(gate.moment - source.publication_lag)
                keep_products(cursor, partition, registered.source_key, gate, newest_origin=newest, issued_by=None)
            if over := due_products(connection, partition, sample.newest, 1000):
                sums = score_products(over, lambda *asked: read_observations(connection, *asked).values)
                write_scores(cursor, over, [one.rung for one in over], sums)


def _look_at_quality(
    connection: psycopg.Connection, sample: Sample, newest: list[StoredForecast], now: datetime
) -> None:
    """As the worker does that holds all series."""
    state = PartitionState()
    state.add(sample.series)
    rows, columns = np.nonzero(~np.isnan(sample.values))
    state.put(rows, sample.start + columns, sample.values[rows, columns])
    everything = np.arange(len(sample.series))
    state.note_forecasts(everything, state.newest, np.array([one.rung for one in newest], np.int8))
    claim = claim_partition(connection, "observations", 0, 0, "a worker", now, partitions=PARTITIONS)
    write_quality(connection, claim, sample.series[0].source_key, quality_of(state, everything, sample.newest), now)


def _forecast(
    sample: Sample, values: NDArray[np.float64], series: RegisteredSeries, column: int, now: datetime
) -> StoredForecast:
    ahead = np.arange(LEADS)
    p50 = 0.6 * values[column - 23 + ahead % 24] + 0.4 * values[column - 167 + ahead % 168]
    rung, reasons = Rung.FULL, Reason(0)
    if series.series_id == WORSE_THAN_NAIVE:
        p50 = 1.3 * p50
    if series.series_id == HOLED:
        rung, reasons = Rung.DEGRADED_INPUT, Reason.GAP
    if series.series_id == PROFILE:
        rung, reasons = Rung.PROFILE, Reason.NO_RELEASE | Reason.MODEL_FAILED
    if series.series_id == NO_FORECAST:
        rung, reasons, p50 = Rung.NONE, Reason.SHORT_HISTORY, p50[:0]
    width = np.abs(p50) * (0.05 + 0.004 * np.arange(len(p50)))
    issued_at = now if sample.start + column == sample.newest else from_hour(sample.start + column + 1)
    return StoredForecast(
        series.series_id,
        from_hour(sample.start + column),
        issued_at,
        RELEASE if rung < Rung.PROFILE else None,
        rung,
        reasons,
        0,
        p50.astype(np.float32),
        (p50 - width).astype(np.float32),
        (p50 + width).astype(np.float32),
        series.unit,
    )


def _array(values: NDArray[np.float32]) -> str:
    return "{" + ",".join(repr(float(value)) for value in values) + "}"


def _line(series_key: int, f: StoredForecast) -> str:
    fields = [
        series_key, format_utc(f.origin), format_utc(f.issued_at), f.release or "\\N", int(f.rung), int(f.reasons),
        _array(f.p50), _array(f.p10), _array(f.p90), 0,
    ]  # fmt: skip
    return "\t".join(str(field) for field in fields) + "\n"


Matured = list[tuple[int, StoredForecast]]


def _score(values: NDArray[np.float64], matured: Matured) -> ScoreBatch:
    windows = np.stack([values[column + 25 - score_hours() : column + 25] for column, _ in matured])
    p10, p50, p90 = (np.stack([getattr(f, name)[:DAY_LEADS] for _, f in matured]) for name in ("p10", "p50", "p90"))
    return score(windows, p10, p50, p90)


def _score_rows(batch: ScoreBatch, series_key: int, matured: Matured) -> ScoreRows:
    forecasts = [forecast for _, forecast in matured]
    return ScoreRows(
        np.full(len(forecasts), series_key),
        np.array([to_hour(forecast.origin) for forecast in forecasts]),
        np.array([forecast.release for forecast in forecasts], object),
        np.array([forecast.rung for forecast in forecasts], np.int8),
        batch,
    )


def _score_lines(batch: ScoreBatch, series_key: int, matured: Matured) -> Iterator[str]:
    for i, (_, f) in enumerate(matured):
        sums = [getattr(batch, field.name)[i] for field in fields(batch)]
        *numbers, by_lead = sums
        head = [series_key, format_utc(f.origin), f.release or "\\N", int(f.rung)]
        yield "\t".join(str(field) for field in [*head, *numbers, _array(by_lead)]).replace("nan", "NaN") + "\n"
