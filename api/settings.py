"""Settings of the API."""

import re

from limits import parse
from pydantic import Field, SecretStr, field_validator

from dayahead.settings import ServiceSettings, Texts


class ApiSettings(ServiceSettings):
    """Where the API answers, who may change things through it, and which servers it asks."""

    api_host: str = Field(default="127.0.0.1", description="Address that the API and its page are served on")
    api_port: int = Field(default=8000, ge=0, le=65535, description="Port of the API and its page; 0 for any free")
    api_token: SecretStr = Field(
        default=SecretStr(""),
        description="Bearer token of the endpoints that change something; empty switches them off",
    )
    api_database_connections: int = Field(default=8, ge=1, description="Maximum number of connections to TimescaleDB")
    api_database_wait_s: float = Field(
        default=2.0,
        gt=0,
        description="Seconds that a request waits for a connection where TimescaleDB is away or hangs, before it "
        "answers 503",
    )
    api_statement_timeout_s: float = Field(
        default=10.0,
        gt=0,
        description="Timeout of one query of a request, in seconds; where TimescaleDB hangs, the "
        "request answers 503 a second later",
    )
    api_body_limit_bytes: int = Field(
        default=10_000_000, ge=1000, description="Maximum size of a request body, in bytes"
    )
    api_rate_limit: str = Field(
        default="", description="Rate limit per client address, like 600/minute; empty for no limit"
    )
    api_cors_origins: Texts = Field(
        default=[],
        description="Origins whose pages may read the API from a browser (https://…), separated by commas; * for "
        "any, empty for none",
    )
    api_stream_replay_limit: int = Field(
        default=20_000,
        ge=0,
        description="Maximum number of forecasts that are resent to a stream client that resumes with Last-Event-ID",
    )
    prometheus_url: str = Field(
        default="http://127.0.0.1:9090",
        description="URL of Prometheus, queried for the state of the services (http://…)",
    )
    alertmanager_url: str = Field(
        default="http://127.0.0.1:9093", description="URL of Alertmanager, queried for open alerts (http://…)"
    )
    retune_alert_pattern: str = Field(
        default="(?i)mape|drift",
        description="Regular expression on the name of a critical alert that asks for a retune",
    )

    @field_validator("api_rate_limit")
    @classmethod
    def _is_a_rate(cls, rate: str) -> str:
        if rate:
            try:
                parse(rate)
            except ValueError as error:
                raise ValueError(f"{rate!r} is no rate: write it like 600/minute or 20/second") from error
        return rate

    @field_validator("retune_alert_pattern")
    @classmethod
    def _is_an_expression(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return pattern
