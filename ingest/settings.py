"""Settings of `dayahead ingest`, `dayahead backfill`, `dayahead weather` and `dayahead replay`."""

from pydantic import Field, HttpUrl, SecretStr
from pydantic_settings import SettingsConfigDict

from dayahead.settings import OptionalPath, ProcessSettings


class IngestSettings(ProcessSettings):
    """How sources are polled."""

    model_config = SettingsConfigDict(env_nested_delimiter="__")

    metrics_port: int = Field(
        default=8101, ge=0, le=65535, description="Port of /metrics, /health/live and /health/ready; 0 for any free"
    )
    source_url: HttpUrl | None = Field(
        default=None, description="Base URL to poll instead of the source file's, e.g. that of a replay"
    )
    weather_source: OptionalPath = Field(
        default=None,
        description="Weather source file, or folder of them, that `dayahead ingest` polls too, like --weather; none if "
        "empty",
    )
    min_request_interval_s: float = Field(
        default=60.0,
        ge=0,
        description="Minimum seconds between two requests for a dataset of Energi Data Service, which allows one a "
        "minute",
    )
    source_keys: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Keys of publishers by the name in `key` of a source file, each as DAYAHEAD_SOURCE_KEYS__NAME",
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
    references_interval_s: float = Field(
        default=60.0, gt=0, description="Seconds between two rounds that score reference forecasts"
    )
    totals_interval_s: float = Field(
        default=10.0, gt=0, description="Seconds between two rounds that sum the changed hours of sources with totals"
    )
