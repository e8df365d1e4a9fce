"""The running auditor: a few forecasts every minute, in a thread beside the worker."""

import threading
from types import TracebackType
from typing import Self

import psycopg
import redis
import structlog
from prometheus_client import Counter, Gauge

from dayahead.errors import DayaheadError
from dayahead.hours import Clock
from stream.auditor import Auditor, Outcome

log = structlog.get_logger()

AUDITED = Counter(
    "dayahead_audit_total",
    "Served forecasts that were recomputed from TimescaleDB, by whether every byte was the same",
    ["outcome"],
)
FAILED = Counter("dayahead_audit_failed_total", "Rounds of the audit that could not be finished: a server was away")
LAST_ROUND = Gauge("dayahead_audit_round_timestamp_seconds", "When the last round of the audit was finished")


class AuditThread:
    """Audits a sample every so many seconds until it is left.

    Args:
        auditor: used by the thread alone, and closed by it.
        every_s: seconds between two rounds; 0 for none at all.
        series: how many series a round looks at.
        clock: tells when a round was finished.
    """

    def __init__(self, auditor: Auditor, every_s: float, series: int, clock: Clock) -> None:
        self._auditor, self._every_s, self._series, self._clock = auditor, every_s, series, clock
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="auditor", daemon=True)

    def __enter__(self) -> Self:
        if self._every_s:
            for outcome in Outcome:
                AUDITED.labels(outcome.value)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def round(self) -> None:
        """Audit a sample; what differs is logged with its bytes."""
        try:
            findings = self._auditor.audit_sample(self._series)
        except (DayaheadError, psycopg.Error, redis.RedisError) as error:
            FAILED.inc()
            log.warning("audit_failed", error=str(error).strip()[:300])
            return
        for finding in findings:
            AUDITED.labels(finding.outcome.value).inc()
            if finding.outcome is Outcome.MISMATCH:
                log.error("audit_mismatch", series_id=finding.series_id, told=finding.told)
        LAST_ROUND.set(self._clock().timestamp())

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            self.round()
        self._auditor.close()
