from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import psycopg
import pytest
from fastapi.testclient import TestClient

from api.resources.accuracy import verdict
from dayahead.evaluation.metrics import accuracy
from dayahead.evaluation.score import ScoreBatch
from tests.api.conftest import SampleService
from tests.api.sample import NO_FORECAST, WORSE_THAN_NAIVE


@pytest.mark.parametrize(
    ("skill_percent", "sentence"),
    [
        (32.4, "Better than the seasonal naive by 32 %."),
        (-5.2, "Worse than the seasonal naive by 5 %."),
        (0.2, "As good as the seasonal naive."),
        (-0.2, "As good as the seasonal naive."),
    ],
)
def test_the_comparison_is_a_sentence(skill_percent: float, sentence: str) -> None:
    assert verdict(skill_percent) == sentence


def test_without_scores_nothing_is_claimed() -> None:
    assert "Not compared" in verdict(None)


def read_scores(service: SampleService, where: str) -> ScoreBatch:
    columns = [field.name for field in fields(ScoreBatch)]
    with psycopg.connect(service.database_url) as connection:
        rows = connection.execute(
            f"SELECT {', '.join(columns)} FROM score_by_series"
            f" WHERE {where}"
            " AND origin >= (SELECT date_trunc('day', max(origin), 'UTC') - INTERVAL '6 days' FROM score)"
        ).fetchall()
    return ScoreBatch(*(np.array(column) for column in zip(*rows, strict=True)))


@pytest.mark.servers
@pytest.mark.parametrize(
    ("where", "pick"),
    [
        ("true", lambda report: report["overall"][0]),
        ("area = 'DK2'", lambda report: next(area for area in report["areas"] if area["area"] == "DK2")),
        ("series_id = 'DK1/111'", lambda report: report["series"][0]),
    ],
    ids=["all", "area", "series"],
)
def test_figures_are_those_of_the_one_function_that_the_trainer_and_the_benchmarks_use(
    client: TestClient, sample_service: SampleService, where: str, pick: Callable[[Any], Any]
) -> None:
    told = pick(client.get("/v1/accuracy").json())
    figures = accuracy(read_scores(sample_service, where))
    assert told["forecasts"] == figures.forecasts
    assert told["hours"] == figures.hours
    for name in ("wape", "mape", "bias", "coverage", "weekly_naive_wape", "daily_naive_wape", "naive_wape", "skill"):
        assert told[f"{name}_percent"] == pytest.approx(100 * getattr(figures, name)), name


@pytest.mark.servers
def test_one_series_has_the_figures_that_the_list_gives_it(client: TestClient) -> None:
    listed = {series["series_id"]: series for series in client.get("/v1/accuracy").json()["series"]}
    assert client.get("/v1/accuracy/DK1/111").json()["accuracy"] == pytest.approx(listed["DK1/111"])


@pytest.mark.servers
def test_the_list_goes_page_by_page_through_all_series_also_those_without_scores(client: TestClient) -> None:
    whole = client.get("/v1/accuracy").json()
    paged: list[Any] = []
    cursor = None
    while cursor or not paged:
        page = client.get("/v1/accuracy", params={"limit": 5} | ({"cursor": cursor} if cursor else {})).json()
        assert len(page["series"]) <= 5
        paged, cursor = paged + page["series"], page["next_cursor"]
    assert [one["series_id"] for one in paged] == [one["series_id"] for one in whole["series"]]
    assert [one["forecasts"] for one in paged] == [one["forecasts"] for one in whole["series"]]
    assert [one["wape_percent"] for one in paged if one["series_id"] == NO_FORECAST] == [None]


@pytest.mark.servers
def test_a_series_that_loses_against_the_naive_is_told_as_worse(client: TestClient) -> None:
    told = client.get(f"/v1/accuracy/{WORSE_THAN_NAIVE}").json()["accuracy"]
    assert told["skill_percent"] < 0
    assert told["verdict"].startswith("Worse than the seasonal naive by")


@pytest.mark.servers
def test_a_series_without_scores_has_no_figures(client: TestClient) -> None:
    told = client.get(f"/v1/accuracy/{NO_FORECAST}").json()
    assert told["end"] is None
    assert told["accuracy"]["wape_percent"] is None
    assert "Not compared" in told["accuracy"]["verdict"]


@pytest.mark.servers
def test_the_window_ends_where_it_is_asked_to(client: TestClient) -> None:
    told = client.get("/v1/accuracy", params={"days": 1, "end": "2023-01-20T12:00:00Z"}).json()
    assert (told["start"], told["end"]) == ("2023-01-20T00:00:00Z", "2023-01-20T23:00:00Z")
    assert told["series"][0]["forecasts"] == 24
