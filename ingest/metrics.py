"""What the poller counts and measures, by source."""

from prometheus_client import Counter, Gauge, Histogram

POLLS = Counter("dayahead_poll_total", "Polls of a source, by their outcome", ["source", "outcome"])
POLL_SECONDS = Histogram(
    "dayahead_poll_seconds",
    "Time of a poll that succeeded: from the request to the cursor, waiting included",
    ["source"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
PUBLISHED_ROWS = Counter("dayahead_published_rows_total", "Rows that Kafka has acknowledged", ["source"])
REPEATED_RECORDS = Counter(
    "dayahead_repeated_records_total", "Records that repeat another record of the same answer", ["source"]
)
INCOMPLETE_HOURS = Counter(
    "dayahead_incomplete_hours_total", "Hours skipped because a part of them was missing in the answer", ["source"]
)
NEWEST_HOUR = Gauge(
    "dayahead_source_newest_hour_timestamp_seconds", "Start of the newest hour that was published", ["source"]
)
LAST_NEW_HOUR = Gauge(
    "dayahead_source_last_new_hour_timestamp_seconds",
    "When a newer hour was last published; before the first one, when the poller began to wait for it",
    ["source"],
)
SILENCE_ALLOWED = Gauge(
    "dayahead_source_silence_allowed_seconds", "Time without a new hour after which the source is stale", ["source"]
)
POLL_FAILING_SINCE = Gauge(
    "dayahead_poll_failing_since_timestamp_seconds",
    "When the current outage of the source began, seconds since 1970; 0 while polls succeed",
    ["source"],
)
POLL_WAITING_SINCE = Gauge(
    "dayahead_poll_waiting_since_timestamp_seconds",
    "When polls began to fail because of kafka or database, seconds since 1970; 0 unless the newest poll did",
    ["source", "server"],
)
RETRIES = Counter("dayahead_source_retries_total", "Requests to a source that failed, by cause", ["source", "cause"])
TOTALS_PUBLISHED = Counter("dayahead_totals_published_total", "Hours of totals that Kafka has acknowledged", ["source"])
TOTALS_INCOMPLETE = Gauge(
    "dayahead_totals_incomplete_hours",
    "Hours of the newest week that series lack, added up over the totals of the source",
    ["source"],
)
TOTALS_BEHIND = Gauge(
    "dayahead_totals_behind_hours",
    "Hours from the newest hour of the source to the newest total of the whole source",
    ["source"],
)
TOTALS_FAILURES = Counter(
    "dayahead_totals_failures_total", "Rounds of summing that failed because Kafka or TimescaleDB was away"
)
REFERENCE_VERSIONS = Counter(
    "dayahead_reference_versions_total", "Hours of a reference forecast that are new or changed", ["source"]
)
REFERENCE_UNMATCHED = Gauge(
    "dayahead_reference_unmatched_series",
    "Series of a reference that the source it names does not observe, or in another unit",
    ["source"],
)
REFERENCE_SCORING_FAILURES = Counter(
    "dayahead_reference_scoring_failures_total", "Rounds of scoring references that failed because TimescaleDB was away"
)
REFERENCE_NEWEST_HOUR = Gauge(
    "dayahead_reference_newest_hour_timestamp_seconds", "Start of the last hour that a reference forecasts", ["source"]
)
WEATHER_POLLS = Counter(
    "dayahead_weather_poll_total", "Polls of a weather source, by their outcome", ["source", "outcome"]
)
WEATHER_PUBLICATIONS = Counter(
    "dayahead_weather_publications_total",
    "Publications of weather (a run or observed hours of one location) that every partition has acknowledged",
    ["source"],
)
WEATHER_NEWEST = Gauge(
    "dayahead_weather_newest_run_timestamp_seconds",
    "Start of the newest run that was published, or of the newest observed hour; 0 before the first",
    ["source"],
)
WEATHER_MISSED = Gauge(
    "dayahead_weather_missed_runs",
    "Runs of a weather source that were due an hour ago or more and were not published",
    ["source"],
)
WEATHER_FAILING_SINCE = Gauge(
    "dayahead_weather_poll_failing_since_timestamp_seconds",
    "When polls of the weather source began to fail, seconds since 1970; 0 while they succeed",
    ["source"],
)
