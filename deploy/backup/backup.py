"""Backup of everything that cannot be recomputed: TimescaleDB, and the offsets of Kafka's topics."""

import hashlib
import shutil
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import KafkaException, TopicPartition
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dayahead.errors import StackError
from dayahead.hours import Clock
from dayahead.kafka_clients import open_consumer
from dayahead.settings import MigrationSettings
from dayahead.storage.database import connect
from dayahead.storage.migrate import newest_migration
from dayahead.storage.tables.worker_offset import next_offsets
from dayahead.topics import OBSERVATIONS
from deploy.backup.tools import run_tool

DUMP, MANIFEST = "database.dump", "manifest.json"
KAFKA_WITHIN_S = 10.0


class PartitionOffsets(BaseModel):
    """A partition of `observations`: the offset of its worker, and the messages in Kafka."""

    model_config = ConfigDict(frozen=True)

    partition: int = Field(description="Number of the partition")
    next_offset: int = Field(description="Offset of the first message that is not in the tables")
    low: int | None = Field(description="Offset of the first message in Kafka; null if Kafka did not answer")
    high: int | None = Field(description="Offset after the last message in Kafka")


class Manifest(BaseModel):
    """Metadata of a backup, used by its restore."""

    model_config = ConfigDict(frozen=True)

    made_at: datetime = Field(description="When it was made, UTC")
    dayahead: str = Field(description="Version of Dayahead that made it")
    migration: int = Field(description="Number of the newest migration in it")
    timescaledb: str = Field(description="Version of the extension: a restore needs the same")
    postgres: str = Field(description="Version of the server")
    sha256: str = Field(description="Of database.dump")
    topic: str = Field(description="Full name of the topic that the offsets are of")
    partitions: list[PartitionOffsets] = Field(description="By number")


def make_backup(settings: MigrationSettings, folder: Path, clock: Clock, say: Callable[[str], None]) -> Manifest:
    """Write a backup while the services keep running. It is renamed into place when complete.

    The dump is one snapshot: `worker_offset` in it matches its rows, so a worker that starts from it continues in
    Kafka where the backup ends, and computes the same results from the same messages.

    Args:
        settings: of the owner.
        folder: to create; must not exist.
        clock: the present moment.
        say: prints a line.

    Raises:
        StackError: the folder exists, or pg_dump failed.
        StorageError: TimescaleDB does not answer.
    """
    if folder.exists():
        raise StackError(f"{folder} already exists: choose a new folder")
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    url = settings.owner_database_url.get_secret_value()
    dump = unfinished / DUMP
    bounds = kafka_bounds(settings)
    with dump.open("wb") as sink:
        run_tool("pg_dump", ["--format=custom", "--no-owner", "--no-privileges"], url, stdout=sink)
    manifest = _describe(settings, dump, bounds, clock())
    (unfinished / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
    unfinished.rename(folder)
    say(
        f"{folder}: {dump_size(folder) / 1024**2:,.1f} MB, migration {manifest.migration}, {manifest.made_at:%F %T} UTC"
    )
    return manifest


def dump_size(folder: Path) -> int:
    """Bytes of the dump of a backup."""
    return (folder / DUMP).stat().st_size


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup, after a check of the dump's digest.

    Raises:
        StackError: the folder is not a backup, or its dump was changed.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text())
    except (OSError, ValidationError) as error:
        raise StackError(f"{folder} is not a backup of Dayahead: {error}") from error
    if digest(folder / DUMP) != manifest.sha256:
        raise StackError(f"{folder / DUMP} is damaged (its SHA-256 differs): use another backup")
    return manifest


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def kafka_bounds(settings: MigrationSettings) -> dict[int, tuple[int, int]]:
    """First offset and end of each partition of `observations`; empty if Kafka or the topic is unavailable."""
    topic = settings.topic_prefix + OBSERVATIONS.name
    consumer = open_consumer(settings.kafka_bootstrap, "dayahead-backup", "dayahead-backup", {})
    try:
        known = consumer.list_topics(topic, timeout=KAFKA_WITHIN_S).topics[topic].partitions
        return {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=KAFKA_WITHIN_S)
            for number in known
        }
    except KafkaException:
        return {}
    finally:
        consumer.close()


def _describe(settings: MigrationSettings, dump: Path, bounds: dict[int, tuple[int, int]], now: datetime) -> Manifest:
    topic = settings.topic_prefix + OBSERVATIONS.name
    with connect(settings.owner_database_url) as connection:
        return Manifest(
            made_at=now,
            dayahead=version("dayahead"),
            migration=newest_migration(connection),
            timescaledb=_value(connection, "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"),
            postgres=_value(connection, "SHOW server_version"),
            sha256=digest(dump),
            topic=topic,
            partitions=[
                PartitionOffsets(
                    partition=number,
                    next_offset=offset,
                    low=bounds.get(number, (None, None))[0],
                    high=bounds.get(number, (None, None))[1],
                )
                for number, offset in next_offsets(connection, topic).items()
            ],
        )


def _value(connection: psycopg.Connection, statement: str) -> Any:
    row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None
