"""Settings that more than one service has; each service adds its own in its `settings.py`.

They come from the environment (`DAYAHEAD_…`) and from `.env` in the working directory, in that order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

import orjson
from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSetting

from dayahead.errors import SettingsError

PREFIX = "DAYAHEAD_"

OptionalPath = Annotated[Path | None, BeforeValidator(lambda given: None if given == "" else given)]
"""A path that may be left out: a variable without a value is none, and not the working directory."""


def _texts(given: object) -> object:
    """Texts of a variable: separated by commas, or a list as JSON."""
    if not isinstance(given, str):
        return given
    if given.lstrip().startswith('["'):
        try:
            return orjson.loads(given)
        except orjson.JSONDecodeError as error:
            raise ValueError(f'the list is not JSON: {error}; write it like one,two or ["one","two"]') from error
    return [text for one in given.split(",") if (text := one.strip())]


Texts = Annotated[list[str], NoDecode, BeforeValidator(_texts)]
"""Texts in one variable: separated by commas, or a list as JSON where one has a comma in it."""


class TraceSettings(BaseSettings):
    """Whether services send traces; everything else about them is read by OpenTelemetry's SDK (docs/traces.md).

    They come from the environment alone, as the SDK's own do.
    """

    model_config = SettingsConfigDict(env_prefix="OTEL_", extra="ignore", frozen=True)

    exporter_otlp_endpoint: str = Field(
        default="",
        pattern="^(https?://.+)?$",
        description="URL that ingest, workers, trainer and API send traces to by OTLP over HTTP, e.g. "
        "http://127.0.0.1:4318, with the extra `traces`; empty: no traces",
    )
    bsp_max_queue_size: int = Field(
        default=2048, ge=512, description="Spans of a process that wait to be sent; further ones are dropped"
    )


class ServiceSettings(BaseSettings):
    """Where the servers are and how a service reports; the base of every service's settings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    database_url: SecretStr = Field(
        default=SecretStr("postgresql://dayahead_app@127.0.0.1:5432/dayahead"),
        description="TimescaleDB, as a postgresql:// URL of the application role",
    )
    redis_url: SecretStr = Field(default=SecretStr("redis://127.0.0.1:6379/0"), description="Redis, as a redis:// URL")
    kafka_bootstrap: str = Field(default="127.0.0.1:9092", description="Kafka brokers, host:port separated by commas")
    kafka_security: str = Field(
        default="PLAINTEXT",
        pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$",
        description="Kafka security protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
    )
    kafka_sasl_mechanism: str = Field(
        default="SCRAM-SHA-512",
        pattern="^(PLAIN|SCRAM-SHA-256|SCRAM-SHA-512)$",
        description="SASL mechanism of Kafka clients, with SASL_…: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
    )
    kafka_username: str = Field(default="", description="User name of Kafka, with SASL_…")
    kafka_password: SecretStr = Field(default=SecretStr(""), description="Password of Kafka, with SASL_…")
    kafka_ca_file: OptionalPath = Field(
        default=None,
        description="CA certificates to verify brokers, with …SSL; the system's if empty",
    )
    topic_prefix: str = Field(default="", description="Prefix of every topic name, for shared clusters")
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="Log level: debug, info, warning or error"
    )

    def further_faults(self, *, in_containers: bool) -> list[str]:
        """Sentences about what these settings refer to: files, and variables without a field. None by default.

        Args:
            in_containers: whether the services run where the files of this machine are not.
        """
        return []


class ProcessSettings(ServiceSettings):
    """Settings of a service without its own page: where it answers about its health."""

    bind_host: str = Field(default="127.0.0.1", description="Address that /metrics and /health are served on")
    metrics_port: int = Field(
        default=8100, ge=0, le=65535, description="Port of /metrics, /health/live and /health/ready; 0 for any free"
    )


@dataclass(frozen=True)
class Role:
    """A role of the database.

    Attributes:
        name: of the role.
        password: empty leaves it as it is; a role that never had one cannot log in.
        parameters: of PostgreSQL that its sessions begin with.
        connections: that it may hold at the same time; -1 for no limit.
    """

    name: str
    password: SecretStr
    parameters: Mapping[str, str] = field(default_factory=dict)
    connections: int = -1


class MigrationSettings(ServiceSettings):
    """Settings of `dayahead migrate`, which alone needs the owner's rights."""

    owner_database_url: SecretStr = Field(
        default=SecretStr("postgresql://dayahead_owner@127.0.0.1:5432/dayahead"),
        description="TimescaleDB, as a postgresql:// URL of the role that owns the tables",
    )
    superuser_database_url: SecretStr = Field(
        default=SecretStr(""),
        description="TimescaleDB, as a postgresql:// URL of a superuser: only `dayahead restore` needs one",
    )
    app_password: SecretStr = Field(default=SecretStr(""), description="Password that migrate gives role dayahead_app")
    reader_password: SecretStr = Field(
        default=SecretStr(""), description="Password that migrate gives role dayahead_reader (Grafana, analysts)"
    )
    ingest_password: SecretStr = Field(
        default=SecretStr(""), description="Password that migrate gives role dayahead_ingest; empty leaves it as it is"
    )
    worker_password: SecretStr = Field(
        default=SecretStr(""), description="Password that migrate gives role dayahead_worker; empty leaves it as it is"
    )
    trainer_password: SecretStr = Field(
        default=SecretStr(""), description="Password that migrate gives role dayahead_trainer; empty leaves it as it is"
    )
    api_password: SecretStr = Field(
        default=SecretStr(""), description="Password that migrate gives role dayahead_api; empty leaves it as it is"
    )
    reader_statement_timeout_s: int = Field(
        default=60, ge=1, description="Seconds after which a query of role dayahead_reader is cancelled"
    )
    reader_connections: int = Field(
        default=20, ge=1, description="Connections that role dayahead_reader may hold at the same time"
    )
    partitions: int = Field(
        default=8, ge=1, le=10_000, description="Partitions of observations and forecasts: the most workers at once"
    )
    replication_factor: int = Field(default=1, ge=1, description="Copies that Kafka keeps of each topic")

    def roles(self) -> tuple[Role, ...]:
        """The roles that `dayahead migrate` makes, with their passwords."""
        read_only = {
            "statement_timeout": f"{self.reader_statement_timeout_s}s",
            "default_transaction_read_only": "on",
        }
        return (
            Role("dayahead_app", self.app_password),
            Role("dayahead_ingest", self.ingest_password),
            Role("dayahead_worker", self.worker_password),
            Role("dayahead_trainer", self.trainer_password),
            Role("dayahead_api", self.api_password),
            Role("dayahead_reader", self.reader_password, read_only, self.reader_connections),
        )


S = TypeVar("S", bound=BaseSettings)


def load_settings(settings: type[S], **overrides: object) -> S:
    """Settings from the environment and `.env`, with values of the command line on top.

    Raises:
        SettingsError: a value is not allowed; the message names the variable.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return settings(**given)  # type: ignore[arg-type]  # pydantic checks each value
    except ValidationError as error:
        faults = "; ".join(_fault(settings, fault["loc"], fault["msg"]) for fault in error.errors())
        raise SettingsError(faults) from error
    except UnreadableSetting as error:
        raise SettingsError(_unreadable(error)) from error


def wrong_values(classes: Iterable[type[BaseSettings]], *, in_containers: bool = False) -> list[str]:
    """Check what is set against the classes that read it; a value that is missing is no fault.

    Args:
        classes: settings of several services, which may share variables.
        in_containers: whether the services run where the files of this machine are not.

    Returns:
        A sentence for each wrong value, which names its variable; each once.
    """
    faults: dict[str, None] = {}
    for one in classes:
        try:
            given = one()
            if isinstance(given, ServiceSettings):
                faults |= dict.fromkeys(given.further_faults(in_containers=in_containers))
        except ValidationError as error:
            wrong = [fault for fault in error.errors() if fault["type"] != "missing"]
            faults |= dict.fromkeys(_fault(one, fault["loc"], fault["msg"]) for fault in wrong)
        except UnreadableSetting as error:
            faults[_unreadable(error)] = None
    return list(faults)


def _unreadable(error: UnreadableSetting) -> str:
    """A list or a mapping that is not JSON; pydantic-settings names the field without its prefix."""
    return f'{PREFIX}…: {error}: write a list as JSON, like ["one", "two"]'


def variable_of(settings: type[BaseSettings], field: str) -> str:
    """The variable of a field."""
    return f"{settings.model_config.get('env_prefix', '')}{field.upper()}"


def _fault(settings: type[BaseSettings], location: tuple[int | str, ...], message: str) -> str:
    """A fault of one setting with its variable; one of several together names them in its message."""
    return f"{variable_of(settings, str(location[0]))}: {message}" if location else message
