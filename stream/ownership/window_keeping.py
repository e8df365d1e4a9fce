"""Decides when to write window copies: for idle partitions, periodically, and at a clean shutdown."""

import secrets
import time
from collections.abc import Iterable

import psycopg
import redis
import structlog

from dayahead.storage.tables.worker_offset import name_window_copy
from stream.ownership.window_copy import WindowCopies
from stream.partition import metrics
from stream.partition.held import HeldPartition
from stream.servers.connection import Database

log = structlog.get_logger()


class WindowKeeper:
    """Writes window copies; call it while no other work on the partitions runs.

    Args:
        every_s: least seconds between two copies of a partition; 0: no copies are written.
    """

    def __init__(self, database: Database, copies: WindowCopies, every_s: float) -> None:
        self._database, self._copies, self._every_s = database, copies, every_s

    def keep_one(self, partitions: Iterable[HeldPartition]) -> None:
        """Write at most one copy, of a partition that advanced since its last copy and is idle or long overdue.

        Raises:
            FencedError: another worker has taken the partition over.
        """
        if not self._every_s:
            return
        now, written = time.monotonic(), False
        for held in partitions:
            copy = held.copy
            is_idle, copy.seen = copy.seen == held.next_offset, held.next_offset
            is_due = now >= copy.due_at and (is_idle or now >= copy.due_at + self._every_s)
            if is_due and not written and copy.offset != held.next_offset:
                self._write(held)
                written = True

    def keep_all(self, partitions: Iterable[HeldPartition]) -> None:
        """Write a copy of each partition that has advanced since its last copy.

        Raises:
            FencedError: another worker has taken a partition over.
        """
        for held in partitions:
            if self._every_s and held.copy.offset != held.next_offset:
                self._write(held)

    def _write(self, held: HeldPartition) -> None:
        if not held.is_settled or self._copies.is_away():
            return
        held.copy.due_at = time.monotonic() + self._every_s
        name, former = f"{held.claim.topic}:{held.claim.partition}:{secrets.token_hex(8)}", held.copy.name

        def note(connection: psycopg.Connection) -> None:
            name_window_copy(connection, held.claim, held.next_offset, name)

        try:
            with metrics.stage("copy_windows"):
                self._copies.write(name, held.state, held.next_offset)
                self._database.retry(note)
                held.copy.name, held.copy.offset = name, held.next_offset
                self._copies.keep(name, former)
        except redis.RedisError as error:
            # without a copy only the next start is slower
            metrics.WINDOW_COPIES.labels("failed").inc()
            log.warning("windows_not_copied", partition=held.claim.partition, error=str(error))
        else:
            metrics.WINDOW_COPIES.labels("written").inc()
