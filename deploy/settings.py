"""Settings of the local stack."""

from pathlib import Path

from pydantic import Field, HttpUrl, SecretStr

from dayahead.settings import ServiceSettings


class StackSettings(ServiceSettings):
    """Settings of `dayahead up`, `down`, `status` and `clean`."""

    stack_name: str = Field(
        default="main",
        pattern=r"^[a-z0-9-]+$",
        description="Names the local stack's folder, so that two can stand side by side",
    )
    source_url: HttpUrl | None = Field(
        default=None, description="Base URL that is polled instead of the source file's, e.g. that of a replay"
    )
    source: Path | None = Field(
        default=None, description="Source file that `dayahead up` polls with DAYAHEAD_SOURCE_URL; the sample's if empty"
    )
    workers: int = Field(default=2, ge=1, le=64, description="Stream workers that `dayahead up` starts")
    stalled_after_s: float = Field(
        default=180.0,
        gt=0,
        description="Seconds without any progress after which `dayahead up` gives up; while something moves it waits",
    )
    api_port: int = Field(default=8000, ge=1, le=65535, description="Port of the API and the page")
    postgres_port: int = Field(default=5432, ge=1, le=65535, description="Port of the local TimescaleDB")
    redis_port: int = Field(default=6379, ge=1, le=65535, description="Port of the local Redis")
    kafka_port: int = Field(default=9092, ge=1, le=65535, description="Port of the local Kafka broker")
    kafka_controller_port: int = Field(default=9193, ge=1, le=65535, description="Port of the local Kafka controller")
    prometheus_port: int = Field(default=9090, ge=1, le=65535, description="Port of the local Prometheus")
    alertmanager_port: int = Field(default=9093, ge=1, le=65535, description="Port of the local Alertmanager")
    ingest_port: int = Field(default=8101, ge=1, le=65535, description="Port of the local poller's /metrics")
    worker_port: int = Field(
        default=8111, ge=1, le=65000, description="Port of the first local worker's /metrics; the others' follow it"
    )
    trainer_port: int = Field(default=8121, ge=1, le=65535, description="Port of the local trainer's /metrics")
    replay_port: int = Field(default=8130, ge=1, le=65535, description="Port of the local replay of the sample")
    owner_password: SecretStr = Field(
        default=SecretStr(""), description="Password of role dayahead_owner; drawn and kept in .env by `dayahead up`"
    )
    redis_password: SecretStr = Field(
        default=SecretStr(""), description="Password of the local Redis; drawn and kept in .env by `dayahead up`"
    )
