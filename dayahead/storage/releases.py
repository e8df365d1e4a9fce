"""Model releases and the promotion log in TimescaleDB. A release is always asked for by its id."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from dayahead.contracts import ReleaseAnnouncement
from dayahead.errors import ReleaseError


@dataclass(frozen=True)
class Champion:
    """The release that serves, and the one before it."""

    release: str
    previous: str | None
    promoted_at: datetime
    promoted_by: str
    reason: str


def load_artifact(connection: psycopg.Connection, release: str) -> bytes:
    """The bytes of a release.

    Raises:
        ReleaseError: no release has this id.
    """
    row = connection.execute("SELECT artifact FROM model_release WHERE release = %s", [release]).fetchone()
    if row is None:
        raise ReleaseError(f"no release {release!r} in this database: `dayahead models list` shows what there is")
    return bytes(row[0])


def champion(connection: psycopg.Connection) -> Champion | None:
    """What was promoted last, or None before the first promotion."""
    row = connection.execute("SELECT release, previous, promoted_at, promoted_by, reason FROM champion").fetchone()
    return None if row is None else Champion(*row)


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
