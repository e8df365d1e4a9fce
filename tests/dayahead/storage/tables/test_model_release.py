from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from dayahead.errors import AlreadyChampionError, ReleaseError
from dayahead.storage.tables.model_release import ReleaseRecord, list_releases, load_artifact, load_record, save_release
from dayahead.storage.tables.promotion import champion, promote, roll_back, rolled_back_releases
from dayahead.storage.tables.release_shape import load_shape

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def record(release: str, created_at: datetime = NOW) -> ReleaseRecord:
    return ReleaseRecord(release, created_at, NOW - timedelta(days=30), NOW, "abc", {"seed": 1}, {"wape": 0.05}, 0)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as opened:
        for name in "abc":
            save_release(opened, record(f"r-{name}"), f"bytes of {name}".encode())
        yield opened


def serving(connection: psycopg.Connection) -> str | None:
    now = champion(connection)
    return now.release if now else None


pytestmark = pytest.mark.servers


def test_a_release_is_read_as_it_was_saved(connection: psycopg.Connection) -> None:
    found = load_record(connection, "r-a")
    assert (found.settings, found.metrics, found.trained_until) == ({"seed": 1}, {"wape": 0.05}, NOW)
    assert found.artifact_bytes == len(load_artifact(connection, "r-a")) == 10


def test_saving_a_release_again_changes_nothing(connection: psycopg.Connection) -> None:
    assert save_release(connection, record("r-d"), b"bytes") is True
    assert save_release(connection, record("r-d", NOW + timedelta(days=1)), b"bytes") is False
    assert load_record(connection, "r-d").created_at == NOW


def test_the_shape_of_a_release_is_read_without_its_artifact(connection: psycopg.Connection) -> None:
    shape = np.linspace(-2, 2, 2 * 24 * 9, dtype=np.float32).reshape(2, 24, 9)
    for _ in range(2):
        save_release(connection, record("r-shaped"), b"bytes", shape)
    found = load_shape(connection, "r-shaped")
    assert found is not None
    assert found.tobytes() == shape.tobytes()
    assert load_shape(connection, "r-a") is None


def test_an_id_with_other_bytes_is_refused(connection: psycopg.Connection) -> None:
    with pytest.raises(ReleaseError, match="r-a is in the database with other bytes"):
        save_release(connection, record("r-a"), b"something else")
    assert load_artifact(connection, "r-a") == b"bytes of a"


def test_releases_are_listed_newest_first(connection: psycopg.Connection) -> None:
    save_release(connection, record("r-new", NOW + timedelta(days=1)), b"new")
    assert [found.release for found in list_releases(connection)] == ["r-new", "r-a", "r-b", "r-c"]
    assert len(list_releases(connection, limit=2)) == 2


@pytest.mark.parametrize("ask", [load_artifact, load_record])
def test_an_unknown_release_is_named(connection: psycopg.Connection, ask: Callable[..., object]) -> None:
    with pytest.raises(ReleaseError, match="r-none"):
        ask(connection, "r-none")


def test_an_unknown_release_cannot_be_promoted(connection: psycopg.Connection) -> None:
    with pytest.raises(ReleaseError, match="r-none"):
        promote(connection, "r-none", "a person", "because", NOW)
    assert champion(connection) is None


def test_a_promotion_names_what_served_before(connection: psycopg.Connection) -> None:
    assert promote(connection, "r-a", "trainer", "first", NOW).previous is None
    announcement = promote(connection, "r-b", "trainer", "better", NOW)
    assert (announcement.release, announcement.previous) == ("r-b", "r-a")
    assert champion(connection).previous == "r-a"


def test_rolling_back_twice_goes_back_two_releases(connection: psycopg.Connection) -> None:
    for name in ("r-a", "r-b", "r-c"):
        promote(connection, name, "trainer", "better", NOW)
    announcement = roll_back(connection, "worse in the evening", NOW)
    assert (announcement.release, announcement.previous, announcement.promoted_by) == ("r-b", "r-c", "rollback")
    assert serving(connection) == "r-b"
    roll_back(connection, "also worse", NOW)
    assert serving(connection) == "r-a"
    with pytest.raises(ReleaseError, match="r-a is the first that was promoted"):
        roll_back(connection, "even so", NOW)


def test_after_a_rollback_a_new_release_can_be_rolled_back_to_what_served_before_it(
    connection: psycopg.Connection,
) -> None:
    for name in ("r-a", "r-b"):
        promote(connection, name, "trainer", "better", NOW)
    roll_back(connection, "worse", NOW)
    promote(connection, "r-c", "trainer", "better", NOW)
    assert roll_back(connection, "worse", NOW).release == "r-a"


def test_promoting_what_serves_already_adds_nothing_to_go_back_to(connection: psycopg.Connection) -> None:
    for name in ("r-a", "r-b"):
        promote(connection, name, "trainer", "better", NOW)
    with pytest.raises(AlreadyChampionError, match="r-b serves already, since 2026-03-01T00:00:00Z"):
        promote(connection, "r-b", "trainer", "better", NOW)
    # as earlier versions recorded it
    connection.execute(
        "INSERT INTO promotion (release, previous, promoted_at, promoted_by, reason) VALUES ('r-b', 'r-b', %s, '', '')",
        [NOW],
    )
    assert roll_back(connection, "worse", NOW).release == "r-a"


def test_there_is_nothing_to_roll_back_to_before_the_first_promotion(connection: psycopg.Connection) -> None:
    with pytest.raises(ReleaseError, match="nothing to roll back to: none was ever promoted"):
        roll_back(connection, "why not", NOW)


def test_a_release_counts_as_withdrawn_until_it_is_promoted_again(connection: psycopg.Connection) -> None:
    for name in ("r-a", "r-b", "r-c"):
        promote(connection, name, "trainer", "better", NOW)
    assert rolled_back_releases(connection) == set()
    roll_back(connection, "worse", NOW)
    assert rolled_back_releases(connection) == {"r-c"}
    roll_back(connection, "worse", NOW)
    assert rolled_back_releases(connection) == {"r-b", "r-c"}
    promote(connection, "r-c", "a person", "it was the data", NOW)
    assert rolled_back_releases(connection) == {"r-b"}
