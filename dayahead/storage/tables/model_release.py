"""Model releases and the promotion log in TimescaleDB. A release is always asked for by its id."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from dayahead.contracts import ReleaseAnnouncement
from dayahead.errors import ReleaseError

ROLLBACK = "rollback"
"""`promoted_by` of a promotion that went back; the log is read with it."""


@dataclass(frozen=True)
class Champion:
    """The release that serves, and the one before it."""

    release: str
    previous: str | None
    promoted_at: datetime
    promoted_by: str
    reason: str


@dataclass(frozen=True)
class ReleaseRecord:
    """A release as it is kept, without its artifact.

    Attributes:
        release: content-addressed id.
        created_at: when it was saved first.
        trained_from: first hour that it learnt from.
        trained_until: hour after the last that it learnt from.
        data_fingerprint: hash of the data that it learnt from.
        settings: what it was fitted with.
        metrics: what it measured on held-out windows before it was fitted on everything.
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


def save_release(connection: psycopg.Connection, record: ReleaseRecord, artifact: bytes) -> bool:
    """Keep a release for good; saving the same one again changes nothing. The caller commits.

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
            "them is damaged or was made by another version of the code; remove the row if it never served"
        )
    return bool(inserted)


def load_record(connection: psycopg.Connection, release: str) -> ReleaseRecord:
    """What is known of a release.

    Raises:
        ReleaseError: no release has this id.
    """
    row = connection.execute(RECORD + "WHERE release = %s", [release]).fetchone()
    if row is None:
        raise _unknown(release)
    return ReleaseRecord(*row)


def list_releases(connection: psycopg.Connection, limit: int = 50) -> list[ReleaseRecord]:
    """The releases that were saved last, newest first."""
    rows = connection.execute(RECORD + "ORDER BY created_at DESC, release LIMIT %s", [limit]).fetchall()
    return [ReleaseRecord(*row) for row in rows]


def _unknown(release: str) -> ReleaseError:
    return ReleaseError(f"no release {release!r} in this database: `dayahead models list` shows what there is")


def load_artifact(connection: psycopg.Connection, release: str) -> bytes:
    """The bytes of a release.

    Raises:
        ReleaseError: no release has this id.
    """
    row = connection.execute("SELECT artifact FROM model_release WHERE release = %s", [release]).fetchone()
    if row is None:
        raise _unknown(release)
    return bytes(row[0])


def champion(connection: psycopg.Connection) -> Champion | None:
    """What was promoted last, or None before the first promotion."""
    row = connection.execute("SELECT release, previous, promoted_at, promoted_by, reason FROM champion").fetchone()
    return None if row is None else Champion(*row)


def recent_promotions(connection: psycopg.Connection, limit: int) -> list[Champion]:
    """The champions of now and before, newest first."""
    rows = connection.execute(
        "SELECT release, previous, promoted_at, promoted_by, reason FROM promotion"
        " ORDER BY promotion_key DESC LIMIT %s",
        [limit],
    ).fetchall()
    return [Champion(*row) for row in rows]


def promote(
    connection: psycopg.Connection, release: str, promoted_by: str, reason: str, now: datetime
) -> ReleaseAnnouncement:
    """Make a release the champion; the caller commits, then announces what is returned.

    Raises:
        ReleaseError: no release has this id.
    """
    load_artifact(connection, release)
    # One promotion at a time: `previous` is what really served before.
    connection.execute("LOCK TABLE promotion IN SHARE ROW EXCLUSIVE MODE")
    before = champion(connection)
    previous = before.release if before else None
    connection.execute(
        "INSERT INTO promotion (release, previous, promoted_at, promoted_by, reason) VALUES (%s, %s, %s, %s, %s)",
        [release, previous, now, promoted_by, reason],
    )
    return ReleaseAnnouncement(
        release=release, previous=previous, promoted_at=now, promoted_by=promoted_by, reason=reason
    )


def roll_back(connection: psycopg.Connection, reason: str, now: datetime) -> ReleaseAnnouncement:
    """Promote what served before the champion; twice in a row goes back two releases. The caller commits, announces.

    Raises:
        ReleaseError: nothing served before.
    """
    connection.execute("LOCK TABLE promotion IN SHARE ROW EXCLUSIVE MODE")
    line = _line_of_succession(connection)
    if len(line) < 2:
        serving = f"release {line[0]} is the first that was promoted" if line else "no release was ever promoted"
        raise ReleaseError(f"there is nothing to roll back to: {serving}")
    return promote(connection, line[-2], ROLLBACK, reason, now)


def rolled_back_releases(connection: psycopg.Connection) -> set[str]:
    """Releases that a rollback took out of service and that nobody has promoted since."""
    withdrawn: set[str] = set()
    for release, previous, promoted_by in _promotions(connection):
        if promoted_by == ROLLBACK and previous:
            withdrawn.add(previous)
        withdrawn.discard(release)
    return withdrawn


def _line_of_succession(connection: psycopg.Connection) -> list[str]:
    """The champions that led to the present one: a rollback takes away those that came after its target."""
    line: list[str] = []
    for release, _, promoted_by in _promotions(connection):
        if promoted_by == ROLLBACK and release in line:
            del line[len(line) - line[::-1].index(release) :]
        elif line[-1:] != [release]:
            line.append(release)
    return line


def _promotions(connection: psycopg.Connection) -> list[tuple[str, str | None, str]]:
    return connection.execute("SELECT release, previous, promoted_by FROM promotion ORDER BY promotion_key").fetchall()
