"""SQL and Python compute the same figures from the same scores."""

from collections.abc import Callable
from dataclasses import fields, replace
from math import nan

import numpy as np
import psycopg
import pytest

from dayahead.evaluation.metrics import accuracy, figures_of
from dayahead.evaluation.score import ScoreBatch
from dayahead.horizon import DAY_LEADS
from dayahead.storage.accuracy_ratios import ratio_sql
from dayahead.storage.tables.score import SUMS, added_up
from tests.conftest import FreshDatabase

FIGURES = sorted(figures_of(dict.fromkeys(SUMS, 1.0)))

INSERT = f"""
    INSERT INTO score (series_key, origin, rung, {", ".join(SUMS)}, lead_error)
    VALUES (%s, '2023-01-01Z'::timestamptz + %s * INTERVAL '1 hour', 0, {", ".join("%s" for _ in SUMS)}, '{{}}')
"""

# Rows of scores, and how a column of them is added up.
SOURCES = [("score JOIN series USING (series_key)", added_up), ("score_by_series", "sum({})".format)]


def scores(count: int, **own: float) -> ScoreBatch:
    """Scores whose sums are all different, but for those that are given."""
    rng = np.random.default_rng(1)
    sums = {
        name: rng.integers(1, 24, count).astype(np.float64)
        if "hours" in name or name == "covered"
        else rng.uniform(50, 100, count)
        for name in SUMS
    }
    sums |= {name: np.full(count, value) for name, value in own.items()}
    lead_error = np.empty((count, DAY_LEADS), np.float32)
    return ScoreBatch(**sums, lead_error=lead_error)  # type: ignore[arg-type] # counts as floats


# The name of a series -> its scores.
SERIES = {
    "weekly is better": scores(5, daily_naive_error=300.0),
    "daily is better": scores(5, naive_error=300.0),
    "too low": scores(3, signed_error=-70.0),
    "perfect": scores(2, absolute_error=0.0, model_error_where_naive=0.0),
    "without naives": scores(2, naive_error=0.0, daily_naive_error=0.0, naive_actual=0.0, naive_hours=0.0),
    "zeros": scores(1, **dict.fromkeys(SUMS, 0.0)),
}


@pytest.fixture
def connection(database: FreshDatabase) -> psycopg.Connection:
    """The scores of SERIES in the tables."""
    connection = psycopg.connect(database.owner_url)
    connection.execute("INSERT INTO source (name, definition) VALUES ('s', '{}')")
    for key, (name, mine) in enumerate(SERIES.items(), 1):
        connection.execute(
            "INSERT INTO series (series_key, series_id, source_key, labels, area, unit, partition)"
            " OVERRIDING SYSTEM VALUE VALUES (%s, %s, 1, '{}', 'DK1', 'kWh', 0)",
            [key, name],
        )
        for place in range(len(mine)):
            connection.execute(INSERT.encode(), [key, place, *(float(getattr(mine, one)[place]) for one in SUMS)])
    return connection


def figures(connection: psycopg.Connection, source: str, summed: Callable[[str], str]) -> dict[str, dict[str, float]]:
    """Every figure of each series, computed by SQL; NaN for NULL."""
    columns = ", ".join(ratio_sql(name, summed) for name in FIGURES)
    rows = connection.execute(f"SELECT series_id, {columns} FROM {source} GROUP BY series_id".encode())
    return {
        series_id: {name: nan if value is None else value for name, value in zip(FIGURES, values, strict=True)}
        for series_id, *values in rows
    }


@pytest.mark.servers
@pytest.mark.parametrize(("source", "summed"), SOURCES)
def test_sql_and_python_compute_the_same_figures(
    connection: psycopg.Connection, source: str, summed: Callable[[str], str]
) -> None:
    with connection:
        found = figures(connection, source, summed)
    assert found.keys() == SERIES.keys()
    for series_id, mine in SERIES.items():
        expected = {name: getattr(accuracy(mine), name) for name in FIGURES}
        assert found[series_id] == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.servers
@pytest.mark.parametrize(("source", "summed"), SOURCES)
def test_an_older_score_has_one_naive_that_stands_for_both(
    connection: psycopg.Connection, source: str, summed: Callable[[str], str]
) -> None:
    name, mine = "weekly is better", SERIES["weekly is better"]
    older = replace(mine, daily_naive_error=np.where(np.arange(len(mine)) > 0, mine.naive_error, 300.0))
    with connection:
        connection.execute("UPDATE score SET daily_naive_error = NULL WHERE series_key = 1 AND origin > '2023-01-01Z'")
        found = figures(connection, source, summed)[name]
    assert found == pytest.approx({figure: getattr(accuracy(older), figure) for figure in FIGURES}, rel=1e-12)
    assert found["daily_naive_wape"] != pytest.approx(accuracy(mine).daily_naive_wape)


def test_every_figure_of_an_accuracy_can_be_written_as_sql() -> None:
    assert {*FIGURES, "forecasts", "hours"} == {item.name for item in fields(accuracy(SERIES["zeros"]))}
