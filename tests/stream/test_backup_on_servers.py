"""A backup and its restore on real servers: workers continue from it and end with the same tables."""

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from dayahead.errors import StackError
from dayahead.settings import MigrationSettings
from deploy.backup.backup import DUMP, make_backup
from deploy.backup.restore import CLAIMS_AHEAD, Restore
from deploy.local.stack import LocalStack
from tests.conftest import FreshDatabase
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import eventful_log

pytestmark = pytest.mark.servers

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def settings_of(stack: LocalStack, database: FreshDatabase, room: WorkerRoom) -> MigrationSettings:
    return MigrationSettings(
        owner_database_url=SecretStr(database.owner_url),
        superuser_database_url=SecretStr(database.superuser_url),
        app_password=stack.passwords.database_app,
        redis_url=SecretStr(room.redis_url),
        kafka_bootstrap=room.topics.bootstrap,
        topic_prefix=room.topics.prefix,
        partitions=room.partitions,
    )


def end(room: WorkerRoom) -> None:
    """Stop the workers, as an operator would before a restore."""
    for process in room.processes:
        process.terminate()
        process.wait(120)


def test_workers_continue_from_a_restored_backup_and_end_with_the_same_tables(
    stack: LocalStack,
    database: FreshDatabase,
    room: WorkerRoom,
    tmp_path: Path,
) -> None:
    settings = settings_of(stack, database, room)
    said: list[str] = []
    log = eventful_log(0)
    room.send(0, log[:40])
    room.start(worker_group="before")
    room.wait_for(0, 40, deadline_s=120)
    made = make_backup(settings, tmp_path / "backup", lambda: NOW, said.append)
    assert (made.partitions[0].next_offset, made.partitions[0].high) == (40, 40)

    # more data, taken in by the worker and by a second one, whose claims Redis has seen
    room.send(0, log[40:])
    room.wait_for(0, len(log), deadline_s=120)
    end(room)
    room.start(worker_group="second")
    room.wait_for(0, len(log), deadline_s=120)
    end(room)
    expected = room.tables()
    claims = dict(room.query("SELECT partition, claim FROM worker_offset"))

    # the disk is gone
    server = make_conninfo(database.superuser_url, dbname="postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{database.name}" WITH (FORCE)'.encode())
    said.clear()
    Restore(settings, tmp_path / "backup", said.append).run(replace=False)
    assert f"partition 0: workers read {len(log) - 40} messages from offset 40 on" in said
    assert room.offsets()[0] == 40
    assert room.redis() == {}
    restored = dict(room.query("SELECT partition, claim FROM worker_offset"))
    assert all(claim > claims[partition] for partition, claim in restored.items())
    assert restored[0] > CLAIMS_AHEAD

    room.start(worker_group="after")
    room.wait_for(0, len(log), deadline_s=120)
    end(room)
    assert room.tables() == expected
    # made again, and so issued later; else the same, as the tables say
    assert room.newest_forecasts() == room.redis()
    assert room.kept_messages() == room.all_forecasts()


def test_a_restore_over_tables_has_to_be_asked_for_and_not_while_services_run(
    stack: LocalStack,
    database: FreshDatabase,
    room: WorkerRoom,
    tmp_path: Path,
) -> None:
    settings = settings_of(stack, database, room)
    make_backup(settings, tmp_path / "backup", lambda: NOW, lambda _: None)
    with pytest.raises(StackError, match="already exists"):
        make_backup(settings, tmp_path / "backup", lambda: NOW, lambda _: None)
    restore = Restore(settings, tmp_path / "backup", lambda _: None)
    with pytest.raises(StackError, match="add --replace"):
        restore.run(replace=False)
    with psycopg.connect(database.url), pytest.raises(StackError, match="in use by dayahead_app: stop the services"):
        restore.run(replace=True)
    restore.run(replace=True)
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT count(*) FROM source").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("TRUNCATE observation")
    with (tmp_path / "backup" / DUMP).open("ab") as dump:
        dump.write(b"x")
    with pytest.raises(StackError, match="SHA-256 differs"):
        Restore(settings, tmp_path / "backup", lambda _: None)


def test_what_a_restore_makes_belongs_to_the_owner_which_may_migrate_it_and_remove_chunks(
    stack: LocalStack,
    database: FreshDatabase,
    room: WorkerRoom,
    tmp_path: Path,
) -> None:
    settings = settings_of(stack, database, room)
    with psycopg.connect(database.url) as connection:
        connection.execute(
            "INSERT INTO observation (series_key, valid_time, value, available_at) VALUES (1, %s, 1, %s)", [NOW, NOW]
        )
    make_backup(settings, tmp_path / "backup", lambda: NOW, lambda _: None)
    Restore(settings, tmp_path / "backup", lambda _: None).run(replace=True)
    with psycopg.connect(database.owner_url) as owner:
        assert owner.execute(
            "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace IN"
            " ('public'::regnamespace, 'optuna'::regnamespace) AND relkind IN ('r', 'S', 'i', 'v')"
        ).fetchall() == [("dayahead_owner",)]
        owner.execute("ALTER TABLE observation ADD COLUMN more integer")
        assert owner.execute("SELECT drop_chunks('observation', older_than => now() + interval '9 years')").fetchall()


def test_a_restore_without_a_superuser_is_refused_before_anything_is_dropped(
    stack: LocalStack,
    database: FreshDatabase,
    room: WorkerRoom,
    tmp_path: Path,
) -> None:
    settings = settings_of(stack, database, room)
    make_backup(settings, tmp_path / "backup", lambda: NOW, lambda _: None)
    for url, message in (("", "set DAYAHEAD_SUPERUSER_DATABASE_URL"), (database.url, "is not a superuser")):
        without = settings.model_copy(update={"superuser_database_url": SecretStr(url)})
        with pytest.raises(StackError, match=message):
            Restore(without, tmp_path / "backup", lambda _: None).run(replace=True)
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT count(*) FROM source").fetchone() == (1,)


def test_a_topic_that_was_made_again_is_named_with_what_to_do(
    stack: LocalStack,
    database: FreshDatabase,
    room: WorkerRoom,
    tmp_path: Path,
) -> None:
    settings = settings_of(stack, database, room)
    said: list[str] = []
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "INSERT INTO worker_offset (topic, partition, next_offset, published_offset, claim, worker, updated_at)"
            " VALUES (%s, 0, 500, 500, 1, 'w', now())",
            [room.topics.name("observations")],
        )
    make_backup(settings, tmp_path / "backup", lambda: NOW, lambda _: None)
    Restore(settings, tmp_path / "backup", said.append).run(replace=True)
    (sentence,) = [line for line in said if line.startswith("partition 0:")]
    assert "Kafka ends at 0, before offset 500 of the backup" in sentence
    assert "DAYAHEAD_WORKER_ACCEPT_LOST_MESSAGES=true" in sentence
