"""A round of the running auditor: audits a sample and counts the results."""

import psycopg
import redis
import structlog
from prometheus_client import Counter

from dayahead.errors import DayaheadError
from stream.audit.auditor import Auditor, Outcome

log = structlog.get_logger()

AUDITED = Counter(
    "dayahead_audit_total",
    "Served forecasts that were recomputed from TimescaleDB, by whether every byte was the same",
    ["outcome"],
)
AWAY = (DayaheadError, psycopg.Error, redis.RedisError)
"""Errors of a round that mean that a server is unreachable."""


def show_outcomes() -> None:
    """Initialise every outcome in the metrics with 0: audits are switched on."""
    for outcome in Outcome:
        AUDITED.labels(outcome.value)


def audit_round(auditor: Auditor, series: int) -> None:
    """Audit a sample; log each mismatch with its bytes.

    Args:
        auditor: used by one thread alone.
        series: number of series.

    Raises:
        Exception: as `Auditor` raises; nothing of the round is counted then.
    """
    for finding in auditor.audit_sample(series):
        AUDITED.labels(finding.outcome.value).inc()
        if finding.outcome is Outcome.MISMATCH:
            log.error("audit_mismatch", series_id=finding.series_id, difference=finding.message)
