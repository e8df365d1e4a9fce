"""Table `feature_snapshot`: the features that a forecast was made from."""

from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.hours import HOUR_S, Hour
from dayahead.storage.binary_copy import hours, integers, real_arrays
from dayahead.storage.copied_table import KeyedTable, TableColumn

COLUMNS = (
    TableColumn("series_key", integers, "series_key"),
    TableColumn("origin", hours, "origin"),
    TableColumn("features", real_arrays, "features"),
)
FEATURE_SNAPSHOT = KeyedTable("feature_snapshot", ("series_key", "origin"), COLUMNS)

READ = "SELECT features FROM feature_snapshot WHERE series_key = %s AND origin = to_timestamp(%s)"


@dataclass(frozen=True)
class SnapshotRows:
    """Snapshots as columns.

    Attributes:
        series_key: int64 [n].
        origin: int64 [n], hours.
        features: float32 [n, k], in the order of SNAPSHOT_NAMES.
    """

    series_key: NDArray[np.int64]
    origin: NDArray[np.int64]
    features: NDArray[np.float32]

    def take(self, rows: NDArray[np.bool_]) -> "SnapshotRows":
        """Some of the rows."""
        return SnapshotRows(self.series_key[rows], self.origin[rows], self.features[rows])


def write_snapshots(cursor: psycopg.Cursor, rows: SnapshotRows, new: NDArray[np.bool_]) -> None:
    """Write snapshots.

    Args:
        cursor: of an open transaction.
        rows: each series and origin once.
        new: bool [n], those that the table cannot have yet.
    """
    FEATURE_SNAPSHOT.write(cursor, [rows.take(new)], [rows.take(~new)])


def read_snapshot(connection: psycopg.Connection, series_key: int, origin: Hour) -> NDArray[np.float32]:
    """Read the features of a forecast, float32 [k]; empty where there are none."""
    found = connection.execute(READ, [series_key, origin * HOUR_S]).fetchone()
    return np.array(found[0] if found else [], np.float32)
