"""Settings of `dayahead ingest`, `dayahead backfill` and `dayahead replay`."""

from pydantic import Field, HttpUrl

from dayahead.settings import ProcessSettings


class IngestSettings(ProcessSettings):
    """How sources are polled."""

    metrics_port: int = Field(
        default=8101, ge=0, le=65535, description="Port of /metrics, /health/live and /health/ready; 0 for any free"
    )
    source_url: HttpUrl | None = Field(
        default=None, description="Base URL to poll instead of the source file's, e.g. that of a replay"
    )
    min_request_interval_s: float = Field(
        default=60.0, ge=0, description="Minimum seconds between two requests; the publisher allows one a minute"
    )
    request_timeout_s: float = Field(
        default=60.0,
        gt=0,
        description="Timeout of a connection to a source, and between two parts of its response, in seconds",
    )
    answer_timeout_s: float = Field(
        default=300.0,
        gt=0,
        description="Timeout of a whole response, headers and body, from the request to its last byte, in seconds",
    )
    max_records: int = Field(
        default=200_000, ge=0, description="Maximum records of one response; longer ones are read in pages; 0: no limit"
    )
    totals_interval_s: float = Field(
        default=10.0, gt=0, description="Seconds between two rounds that sum the changed hours of sources with totals"
    )
