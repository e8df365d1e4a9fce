"""What the trainer counts."""

from prometheus_client import Counter, Gauge, Histogram

TRAININGS = Counter(
    "dayahead_trainings_total", "Trainings by outcome: promoted, kept, saved, unchanged, failed", ["outcome"]
)
TRAINING_SECONDS = Histogram(
    "dayahead_training_seconds",
    "Duration of a training in seconds, from reading to the decision",
    buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600),
)
TRAINING_PARTS = Counter(
    "dayahead_training_parts_total",
    "Finished parts of trainings: steps, and within a fit each linear solution and each tree model; it grows while the "
    "trainer makes progress",
)
CHAMPION_TIMESTAMP = Gauge(
    "dayahead_champion_timestamp_seconds", "When the champion was promoted, seconds since 1970; 0 for none"
)
RETUNE_REQUESTS = Counter(
    "dayahead_retune_requests_total",
    "Retune requests: received, honoured by a successful training, malformed",
    ["decision"],
)
RETUNE_WAITING = Gauge("dayahead_retune_requests_waiting", "Retune requests that no training has answered yet")
REPORTS = Counter("dayahead_reports_total", "Reports of drift and accuracy: made, failed", ["kind", "outcome"])
REPORT_SECONDS = Histogram(
    "dayahead_report_seconds",
    "Duration of a report in seconds, from reading its rows to its storage",
    buckets=(2, 5, 10, 20, 30, 60, 120, 300),
)
