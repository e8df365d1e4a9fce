"""What the trainer counts."""

from prometheus_client import Counter, Gauge, Histogram

TRAININGS = Counter(
    "dayahead_trainings_total", "Trainings by what came of them: promoted, kept, saved, unchanged, failed", ["outcome"]
)
TRAINING_SECONDS = Histogram(
    "dayahead_training_seconds",
    "Seconds that a training took, from reading to the decision",
    buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600),
)
TRAINING_PARTS = Counter(
    "dayahead_training_parts_total",
    "Parts of trainings that are done: steps, and within a fit each solution and each tree model; it grows while the "
    "trainer is at work",
)
CHAMPION_TIMESTAMP = Gauge(
    "dayahead_champion_timestamp_seconds", "When the release that serves was promoted, seconds since 1970; 0 for none"
)
RETUNE_REQUESTS = Counter(
    "dayahead_retune_requests_total",
    "Requests for a training: received, honoured by a training that ended well, malformed",
    ["decision"],
)
RETUNE_WAITING = Gauge("dayahead_retune_requests_waiting", "Requests for a training that no retune has answered")
