"""Table `promotion`: the log of releases in service; view `champion`: the release in service now."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from dayahead.contracts import ReleaseAnnouncement
from dayahead.errors import AlreadyChampionError, NothingToRollBackError
from dayahead.hours import format_utc
from dayahead.storage.tables.model_release import load_artifact

ROLLBACK = "rollback"
"""`promoted_by` of a rollback; reads of the log rely on it."""


@dataclass(frozen=True)
class Champion:
    """The release in service, and the one before it."""

    release: str
    previous: str | None
    promoted_at: datetime
    promoted_by: str
    reason: str


def champion(connection: psycopg.Connection) -> Champion | None:
    """Read the last promotion; None before the first."""
    row = connection.execute("SELECT release, previous, promoted_at, promoted_by, reason FROM champion").fetchone()
    return None if row is None else Champion(*row)


def first_promoted_at(connection: psycopg.Connection) -> datetime | None:
    """Read when a release was promoted first; None before."""
    row = connection.execute("SELECT promoted_at FROM promotion ORDER BY promotion_key LIMIT 1").fetchone()
    return None if row is None else row[0]


def recent_promotions(connection: psycopg.Connection, limit: int) -> list[Champion]:
    """Read the present and former champions, newest first."""
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
        AlreadyChampionError: it is the champion already; it would be recorded as its own predecessor.
    """
    load_artifact(connection, release)
    # One promotion at a time, so that `previous` is the release that really was in service before.
    connection.execute("LOCK TABLE promotion IN SHARE ROW EXCLUSIVE MODE")
    before = champion(connection)
    if before is not None and before.release == release:
        raise AlreadyChampionError(f"release {release} serves already, since {format_utc(before.promoted_at)}")
    previous = before.release if before else None
    connection.execute(
        "INSERT INTO promotion (release, previous, promoted_at, promoted_by, reason) VALUES (%s, %s, %s, %s, %s)",
        [release, previous, now, promoted_by, reason],
    )
    return ReleaseAnnouncement(
        release=release, previous=previous, promoted_at=now, promoted_by=promoted_by, reason=reason
    )


def roll_back(connection: psycopg.Connection, reason: str, now: datetime) -> ReleaseAnnouncement:
    """Roll back to the release before the champion; twice in a row goes back two. The caller commits, announces.

    Raises:
        NothingToRollBackError: there is no previous champion.
    """
    connection.execute("LOCK TABLE promotion IN SHARE ROW EXCLUSIVE MODE")
    target = rollback_target(connection)
    if target is None:
        before = champion(connection)
        serving = f"release {before.release} is the first that was promoted" if before else "none was ever promoted"
        raise NothingToRollBackError(f"there is nothing to roll back to: {serving}")
    return promote(connection, target, ROLLBACK, reason, now)


def rollback_target(connection: psycopg.Connection) -> str | None:
    """Read the release that a rollback would promote; None where there is none."""
    line = _line_of_succession(connection)
    return line[-2] if len(line) > 1 else None


def rolled_back_releases(connection: psycopg.Connection) -> set[str]:
    """Read the releases that were rolled back and not promoted again since."""
    withdrawn: set[str] = set()
    for release, previous, promoted_by in _promotions(connection):
        if promoted_by == ROLLBACK and previous:
            withdrawn.add(previous)
        withdrawn.discard(release)
    return withdrawn


def _line_of_succession(connection: psycopg.Connection) -> list[str]:
    """Read the champions that led to the present one; a rollback removes those after its target."""
    line: list[str] = []
    for release, _, promoted_by in _promotions(connection):
        if promoted_by == ROLLBACK and release in line:
            del line[len(line) - line[::-1].index(release) :]
        elif line[-1:] != [release]:
            line.append(release)
    return line


def _promotions(connection: psycopg.Connection) -> list[tuple[str, str | None, str]]:
    return connection.execute("SELECT release, previous, promoted_by FROM promotion ORDER BY promotion_key").fetchall()
