"""What a caller gets of a list of which it holds a version, and that it then holds the list."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import timedelta

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.app import create_app
from api.changes import Changes, changes_of
from api.settings import ApiSettings
from benchmarks.made_up_load import PARTITIONS
from benchmarks.many_series import fill_many
from dayahead.client import Client, kept_accuracy, kept_series, queries
from dayahead.client.answers import SeriesItem
from dayahead.reading.source_file import load_source
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import register_source
from tests.api.fakes import NOW
from tests.api.sample import SOURCE
from tests.api.serving import Site

Held = dict[str, bytes]


def pages_of(held: Held, since: list[str], limit: int) -> list[Changes]:
    """All pages of a list, as a caller with the versions of its last pages asks for them."""
    ids, pages, after = sorted(held), list[Changes](), None
    while True:
        start = 0 if after is None else bisect_right(ids, after)
        page = ids[start : start + limit]
        up_to = page[-1] if start + limit < len(ids) else None
        known = since[len(pages)] if len(pages) < len(since) else None
        pages.append(changes_of([(one, held[one]) for one in page], known, after, up_to))
        if up_to is None:
            return pages
        after = up_to


def apply(held: Held, pages: list[Changes], current: Held) -> Held:
    """What the documentation says: drop what lies in the stretches, and take what the answers have."""
    stretches = [one for page in pages for one in page.replaced]
    kept = {
        series_id: body
        for series_id, body in held.items()
        if not any(
            (one.after is None or series_id > one.after) and (one.up_to is None or series_id <= one.up_to)
            for one in stretches
        )
    }
    names = {body: series_id for series_id, body in current.items()}
    return kept | {names[body]: body for page in pages for body in page.bodies}


ENTRIES = st.dictionaries(st.integers(0, 400), st.integers(0, 3), max_size=200)


def list_of(entries: dict[int, int]) -> Held:
    return {f"DK1/{number}": f"{number}:{content}".encode() for number, content in entries.items()}


@given(st.lists(ENTRIES, min_size=2, max_size=4), st.lists(st.integers(1, 250), min_size=4, max_size=4))
def test_who_applies_each_answer_holds_the_list_whatever_came_went_or_changed(
    states: list[dict[int, int]], limits: list[int]
) -> None:
    held, since = Held(), list[str]()
    for state, limit in zip(states, limits, strict=False):
        current = list_of(state)
        pages = pages_of(current, since, limit)
        held, since = apply(held, pages, current), [page.version for page in pages]
        assert held == current


MANY = {f"A{number % 10}/{number}": f"{number} is fresh".encode() for number in range(5_000)}


def only(held: Held, since: list[str]) -> Changes:
    [page] = pages_of(held, since, len(MANY) + 1)
    return page


def test_an_unchanged_list_costs_nothing_but_its_version() -> None:
    first = only(MANY, [])
    assert (len(first.bodies), [(one.after, one.up_to) for one in first.replaced]) == (len(MANY), [(None, None)])
    assert len(first.version) < 3_000, "it stands in a URL"
    again = only(MANY, [first.version])
    assert (again.bodies, again.replaced, again.version) == ([], [], first.version)


@pytest.mark.parametrize(
    "changed",
    [
        MANY | {"A3/1203": b"1203 is stale"},
        MANY | {"A3/new": b"new"},
        {one: MANY[one] for one in MANY if one != "A3/1203"},
    ],
    ids=["changed", "added", "removed"],
)
def test_one_series_among_many_costs_its_neighbours(changed: Held) -> None:
    since = only(MANY, []).version
    page = only(changed, [since])
    assert len(page.replaced) == 1
    assert len(page.bodies) < 200
    assert apply(MANY, [page], changed) == changed


@pytest.mark.parametrize("since", ["", "A", "AAAA", "A" * 4_001])
def test_a_version_of_another_list_gets_everything(since: str) -> None:
    assert len(only(MANY, [since]).bodies) == len(MANY)


SERIES = 5_000
CHANGED = "A4/01234"


@pytest.fixture
def many(database_url: str) -> Iterator[tuple[Site, dict[str, int]]]:
    """An API over real HTTP with many series, and their keys."""
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        keys = fill_many(connection, SERIES, NOW)
    settings = ApiSettings(_env_file=None, database_url=database_url, redis_url="redis://127.0.0.1:1/0")
    site = Site(lambda: create_app(settings, lambda: NOW))
    site.start()
    yield site, keys
    site.stop()


@pytest.mark.servers
@pytest.mark.parametrize(("path", "change"), [("/v1/series", "late"), ("/v1/accuracy", "scored")])
def test_over_the_wire_one_changed_series_of_thousands_costs_a_small_answer(
    many: tuple[Site, dict[str, int]], database_url: str, path: str, change: str
) -> None:
    site, keys = many
    key = keys[CHANGED]
    with httpx.Client(base_url=site.url, headers={"Accept-Encoding": "gzip"}, timeout=60) as client:
        whole = client.get(path, params={"limit": SERIES})
        assert len(whole.json()["series"]) == SERIES
        with psycopg.connect(database_url) as connection:
            if change == "late":
                connection.execute(
                    "DELETE FROM observation WHERE series_key = %s AND valid_time > %s", [key, NOW - timedelta(hours=9)]
                )
            else:
                connection.execute("UPDATE score SET absolute_error = 7 WHERE series_key = %s", [key])
        asked = {"limit": SERIES, "since": whole.json()["version"]}
        changed = client.get(path, params=asked)
        assert CHANGED in [one["series_id"] for one in changed.json()["series"]]
        assert changed.num_bytes_downloaded < 8_000
        assert whole.num_bytes_downloaded > 8 * changed.num_bytes_downloaded
        nothing = client.get(path, params={**asked, "since": changed.json()["version"]})
        assert nothing.json()["series"] == nothing.json()["replaced"] == []
        assert nothing.num_bytes_downloaded < 3_500, "nearly all of it is the version"


@pytest.mark.servers
def test_the_python_client_keeps_a_list_in_which_series_come_and_go(
    many: tuple[Site, dict[str, int]], database_url: str
) -> None:
    site, _ = many
    with Client(site.url) as client, psycopg.connect(database_url, autocommit=True) as connection:
        pages = queries.series().with_parameter("limit", "2000")
        kept, scores = kept_series(pages), kept_accuracy(queries.accuracy())

        def everything() -> list[SeriesItem]:
            return [one for page in client.pages(pages) for one in page.series]

        first = client.renew(kept)
        assert first == everything()
        assert client.renew(kept) is first
        assert len(client.renew(scores)) == SERIES
        other = load_source(SOURCE).model_copy(update={"name": "other"})
        registered = register_source(connection, other)
        register_series(connection, ["DK1/a-new-one", "AA/0", "ZZ/9"], registered, PARTITIONS, NOW)
        assert client.renew(kept) == everything()
        assert len(kept.entries) == SERIES + 3
        assert len(client.renew(scores)) == SERIES + 3
        connection.execute("UPDATE source SET removed_at = now() WHERE name = 'other'")
        assert client.renew(kept) == everything()
        assert [one.series_id for one in kept.entries] == [one.series_id for one in first]
