"""Table `release_shape`: where the quantiles of a release's errors lie, without its artifact."""

import numpy as np
import psycopg
from numpy.typing import NDArray


def save_shape(connection: psycopg.Connection, release: str, shape: NDArray[np.float32]) -> None:
    """Save the shape of a release that is stored; idempotent. The caller commits.

    Args:
        connection: of an open transaction.
        release: its id.
        shape: float32 [days, 24, levels].
    """
    connection.execute(
        "INSERT INTO release_shape (release, shape) VALUES (%s, %s::real[]) ON CONFLICT (release) DO NOTHING",
        [release, shape.tolist()],
    )


def load_shape(connection: psycopg.Connection, release: str) -> NDArray[np.float32] | None:
    """Read the shape of a release, float32 [days, 24, levels]; None where it has none."""
    row = connection.execute("SELECT shape FROM release_shape WHERE release = %s", [release]).fetchone()
    return None if row is None else np.array(row[0], np.float32)
