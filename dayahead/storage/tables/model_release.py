"""Table `model_release`: immutable releases, read by id."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from dayahead.errors import ReleaseError
from dayahead.storage.tables.release_shape import save_shape


@dataclass(frozen=True)
class ReleaseRecord:
    """A stored release without its artifact.

    Attributes:
        release: content-addressed id.
        created_at: when it was saved first.
        trained_from: first hour of its training data.
        trained_until: hour after the last one of its training data.
        data_fingerprint: hash of its training data.
        settings: of the fit.
        metrics: accuracy on held-out windows, before the fit on all data.
        artifact_bytes: size of the artifact.
    """

    release: str
    created_at: datetime
    trained_from: datetime
    trained_until: datetime
    data_fingerprint: str
    settings: Mapping[str, Any]
    metrics: Mapping[str, Any]
    artifact_bytes: int


RECORD = """
    SELECT release, created_at, trained_from, trained_until, data_fingerprint, settings, metrics, length(artifact)
    FROM model_release
"""


def save_release(
    connection: psycopg.Connection, record: ReleaseRecord, artifact: bytes, shape: NDArray[np.float32] | None = None
) -> bool:
    """Save a release permanently; idempotent. The caller commits.

    Args:
        connection: of an open transaction.
        record: what is known of it.
        artifact: the release.
        shape: of its quantiles (`Release.shape_by_day`), which is read without the artifact.

    Returns:
        Whether it was new.

    Raises:
        ReleaseError: the id is taken by other bytes, so one of the two is damaged.
    """
    inserted = connection.execute(
        """
        INSERT INTO model_release
            (release, artifact, created_at, trained_from, trained_until, data_fingerprint, settings, metrics)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (release) DO NOTHING
        """,
        [
            record.release,
            artifact,
            record.created_at,
            record.trained_from,
            record.trained_until,
            record.data_fingerprint,
            Jsonb(dict(record.settings)),
            Jsonb(dict(record.metrics)),
        ],
    ).rowcount
    if not inserted and load_artifact(connection, record.release) != artifact:
        raise ReleaseError(
            f"release {record.release} is in the database with other bytes: releases are content-addressed, so one of "
            "them is damaged or was made by another version of the code; remove the row if it was never the champion"
        )
    if shape is not None:
        save_shape(connection, record.release, shape)
    return bool(inserted)


def load_record(connection: psycopg.Connection, release: str) -> ReleaseRecord:
    """Read the record of a release.

    Raises:
        ReleaseError: no release has this id.
    """
    row = connection.execute(RECORD + "WHERE release = %s", [release]).fetchone()
    if row is None:
        raise _unknown(release)
    return ReleaseRecord(*row)


def list_releases(connection: psycopg.Connection, limit: int = 50) -> list[ReleaseRecord]:
    """Read the releases that were saved last, newest first."""
    rows = connection.execute(RECORD + "ORDER BY created_at DESC, release LIMIT %s", [limit]).fetchall()
    return [ReleaseRecord(*row) for row in rows]


def _unknown(release: str) -> ReleaseError:
    return ReleaseError(f"no release {release!r} in this database: `dayahead models list` shows all")


def load_artifact(connection: psycopg.Connection, release: str) -> bytes:
    """Read the artifact of a release.

    Raises:
        ReleaseError: no release has this id.
    """
    row = connection.execute("SELECT artifact FROM model_release WHERE release = %s", [release]).fetchone()
    if row is None:
        raise _unknown(release)
    return bytes(row[0])
