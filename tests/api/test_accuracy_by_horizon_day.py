"""Accuracy of a later day of the horizon: from its own scores, and day 1 as before."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg_pool import ConnectionPool

from dayahead.evaluation.metrics import accuracy
from dayahead.evaluation.score import ScoreBatch
from dayahead.hours import format_utc
from dayahead.storage.tables.day_score import COLUMNS
from dayahead.storage.tables.score import SUMS
from tests.api.fakes import NOW, FakeServers
from tests.api.sample import insert_sample

pytestmark = pytest.mark.servers

NAMES = [column.name for column in COLUMNS]
MADE_UP = {"horizon_day": "2", "absolute_error": "3 * absolute_error", "covered": "covered / 2"}
SECOND_DAY = f"""
    INSERT INTO day_score ({", ".join(NAMES)}) SELECT {", ".join(MADE_UP.get(name, name) for name in NAMES)}
    FROM score WHERE origin <= (SELECT max(origin) FROM score) - INTERVAL '24 hours'
"""
ITS_SUMS = f"""
    INSERT INTO accuracy_day (partition, area, unit, day, horizon_day, release, forecasts, {", ".join(SUMS)})
    SELECT 0, area, unit, (origin AT TIME ZONE 'UTC')::date, 2, coalesce(release, ''), count(*),
           {", ".join(f"sum(day_score.{name})" for name in SUMS)}
    FROM day_score JOIN series USING (series_key) GROUP BY 2, 3, 4, 6
"""
WINDOW = "origin >= (SELECT date_trunc('day', max(origin), 'UTC') - INTERVAL '6 days' FROM day_score)"


def second_day(connection: psycopg.Connection, where: str) -> ScoreBatch:
    """The scores of day 2 over the window that the API looks at."""
    columns = ", ".join(SUMS)
    rows = connection.execute(
        f"SELECT {columns} FROM score_by_horizon_day WHERE horizon_day = 2 AND {WINDOW} AND {where}".encode()
    ).fetchall()
    sums = dict(zip(SUMS, (np.array(column) for column in zip(*rows, strict=True)), strict=True))
    return ScoreBatch(**{item.name: sums.get(item.name, np.empty(0)) for item in fields(ScoreBatch)})


def test_each_day_of_the_horizon_is_answered_from_its_own_scores(database_url: str, redis_url: str) -> None:
    insert_sample(database_url, redis_url, NOW)
    with (
        ConnectionPool(database_url, kwargs={"options": "-c timezone=UTC"}) as pool,
        FakeServers(database=pool).client(NOW) as client,
    ):
        first = client.get("/v1/accuracy").json()
        with pool.connection() as connection:
            connection.execute(SECOND_DAY.encode())
            connection.execute(ITS_SUMS.encode())
        assert client.get("/v1/accuracy").json() == first
        assert client.get("/v1/accuracy?horizon_day=1").json() == first
        second = client.get("/v1/accuracy?horizon_day=2").json()
        one = client.get("/v1/accuracy/DK1/111?horizon_day=2").json()
        third = client.get("/v1/accuracy?horizon_day=3").json()
        table = client.get("/v1/accuracy?horizon_day=2&format=csv&limit=1").text.splitlines()
        with pool.connection() as connection:
            wanted: dict[str, Any] = {
                where: accuracy(second_day(connection, where))
                for where in ("true", "area = 'DK2'", "series_id = 'DK1/111'")
            }
            newest = connection.execute("SELECT max(origin) FROM day_score").fetchone()
    assert newest is not None
    assert second["end"] == format_utc(newest[0])
    assert first["end"] == format_utc(newest[0] + timedelta(hours=24))
    found = {
        "true": second["overall"][0],
        "area = 'DK2'": next(area for area in second["areas"] if area["area"] == "DK2"),
        "series_id = 'DK1/111'": one["accuracy"],
    }
    for where, figures in wanted.items():
        answer = found[where]
        assert (answer["horizon_day"], answer["forecasts"], answer["hours"]) == (2, figures.forecasts, figures.hours)
        for name in ("wape", "mape", "bias", "coverage", "weekly_naive_wape", "daily_naive_wape", "skill"):
            assert answer[f"{name}_percent"] == pytest.approx(100 * getattr(figures, name)), (where, name)
    assert one["accuracy"] in second["series"]
    assert second["overall"][0]["wape_percent"] > 2 * first["overall"][0]["wape_percent"]
    assert (third["overall"], third["areas"], third["end"]) == ([], [], None)
    assert {(series["forecasts"], series["wape_percent"]) for series in third["series"]} == {(0, None)}
    assert dict(zip(table[0].split(","), table[1].split(","), strict=True))["horizon_day"] == "2"


def test_a_day_beyond_every_horizon_is_refused(database_url: str) -> None:
    with ConnectionPool(database_url) as pool, FakeServers(database=pool).client(NOW) as client:
        assert client.get("/v1/accuracy?horizon_day=18").status_code == 422
        assert client.get("/v1/accuracy?horizon_day=0").status_code == 422
