"""Fills a database as the worker would have: sources, series and hours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dayahead.hours import from_hour
from dayahead.reading.source_file import load_source
from dayahead.source import Source
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import register_source

CHECKOUT = Path(__file__).parents[2]
SAMPLE = CHECKOUT / "ingest" / "sample" / "ConsumptionDE35Hour.parquet"
SAMPLE_SOURCE = CHECKOUT / "ingest" / "sources" / "consumption-de35-hour.yaml"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Sample:
    """Hours of some series of one source: values float64 [n, hours], column 0 is `start`."""

    source: Source
    series_ids: list[str]
    start: int
    values: NDArray[np.float64]

    @property
    def hours(self) -> int:
        return self.values.shape[1]

    def part(self, first: int, last: int, every: int = 1) -> "Sample":
        return Sample(
            self.source, self.series_ids[::every], self.start + first, self.values[::every, first:last].copy()
        )


def read_sample() -> Sample:
    """The shipped sample: 76 series, 823 hours."""
    table = pq.read_table(SAMPLE)
    hours = table["HourUTC"].to_numpy().astype("datetime64[h]").astype(np.int64)
    areas, kinds = table["PriceArea"].to_pylist(), table["ConsumerType_DE35"].to_pylist()
    ids, rows = np.unique([f"{area}/{kind}" for area, kind in zip(areas, kinds, strict=True)], return_inverse=True)
    values = np.full((len(ids), hours.max() - hours.min() + 1), np.nan)
    values[rows, hours - hours.min()] = np.asarray(table["TotalCon"].to_pylist(), float)
    return Sample(load_source(SAMPLE_SOURCE), [str(name) for name in ids], int(hours.min()), values)


def fill(database_url: str, sample: Sample, available_at: datetime | None = None) -> None:
    """Write hours as current observations, each published an hour after it began, or all at one moment."""
    with psycopg.connect(database_url) as connection:
        registered = register_source(connection, sample.source)
        series = register_series(connection, sample.series_ids, registered, 4, NOW)
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY observation (series_key, valid_time, value, available_at) FROM STDIN") as copy,
        ):
            for name, row in zip(sample.series_ids, sample.values, strict=True):
                for column in np.flatnonzero(np.isfinite(row)):
                    valid_time = from_hour(sample.start + int(column))
                    published = available_at or valid_time + timedelta(hours=1)
                    copy.write_row((series[name].series_key, valid_time, float(row[column]), published))


def issue(database_url: str, sample: Sample, release: str, since: int) -> None:
    """Write forecasts, their features and their scores, as the worker would have."""
    with psycopg.connect(database_url) as connection:
        keys: dict[str, int] = dict(connection.execute("SELECT series_id, series_key FROM series").fetchall())
        with connection.cursor() as cursor:
            for origin in range(168, sample.hours - 24):
                at = from_hour(sample.start + origin)
                by = release if origin >= since - 1 else "r-before"
                for name, values in zip(sample.series_ids, sample.values, strict=True):
                    p50 = [1.1 * value for value in values[origin + 1 : origin + 25]]
                    features = [*values[origin - 10 : origin + 1].tolist(), 1.0]
                    cursor.execute(
                        "INSERT INTO forecast (series_key, origin, issued_at, release, rung, reasons, p50, p10, p90,"
                        " message_offset) VALUES (%s, %s, %s, %s, 0, 0, %s::real[], '{}', '{}', 0)",
                        [keys[name], at, at, by, p50],
                    )
                    cursor.execute(
                        "INSERT INTO feature_snapshot (series_key, origin, features) VALUES (%s, %s, %s::real[])",
                        [keys[name], at, features],
                    )
                    cursor.execute(
                        "INSERT INTO score (series_key, origin, release, rung, hours, absolute_error, absolute_actual,"
                        " percentage_error, percentage_hours, signed_error, naive_error, naive_hours, naive_actual,"
                        " model_error_where_naive, covered, pinball, lead_error)"
                        " VALUES (%s, %s, %s, 0, 24, 0, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, '{}')",
                        [keys[name], at, by],
                    )
            cursor.execute(
                "INSERT INTO accuracy_day (area, unit, day, release, partition, forecasts, hours, absolute_error,"
                " absolute_actual, percentage_error, percentage_hours, signed_error, naive_error, naive_hours,"
                " daily_naive_error, naive_actual, model_error_where_naive, covered, pinball)"
                " SELECT DISTINCT area, unit, %s::date, 'r', 0, 1, 24, 0, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0 FROM series",
                [from_hour(sample.start + sample.hours - 25)],
            )
