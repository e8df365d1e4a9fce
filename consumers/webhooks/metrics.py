"""Metrics of `dayahead webhooks`."""

from prometheus_client import Counter, Gauge

DELIVERIES = Counter(
    "dayahead_webhook_deliveries_total",
    "Attempts to deliver a webhook, by outcome: delivered, failed (retried), gone (410), given_up (after the last one)",
    ["receiver", "outcome"],
)
LAG = Gauge("dayahead_webhook_lag_messages", "Messages that a receiver has not been sent yet", ["receiver"])
WAITING_SINCE = Gauge(
    "dayahead_webhook_undelivered_since_timestamp_seconds",
    "When the first attempt began of an event that a receiver has not taken, of several the earliest; 0 without any",
    ["receiver"],
)
ENABLED = Gauge(
    "dayahead_webhook_enabled", "1 while a receiver is sent webhooks, 0 after it answered 410", ["receiver"]
)

DELIVERED, FAILED, GONE, GIVEN_UP = "delivered", "failed", "gone", "given_up"


def show_receiver(name: str) -> None:
    """Show the metrics of a receiver before anything happened."""
    for outcome in (DELIVERED, FAILED, GONE, GIVEN_UP):
        DELIVERIES.labels(name, outcome)
    ENABLED.labels(name).set(1)
    LAG.labels(name).set(0)
