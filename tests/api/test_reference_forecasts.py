"""Reference forecasts as the API answers them, and how good they were in comparison with ours."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.resources.reference_accuracy import verdict
from api.settings import ApiSettings
from dayahead.hours import format_utc, from_hour
from dayahead.storage.database import connect
from dayahead.storage.tables.source import remove_source
from tests.conftest import TopicRoom
from tests.ingest.test_reference_scoring_on_servers import HOURS, ONE, SERIES, Scene, guesses
from tests.operator_forecasts import HOUR, Sums
from tests.stream.logs import START

OTHER = SERIES[1]


@pytest.fixture
def scene(database_url: str) -> Scene:
    """Four days of an operator that is off by 3, with a late correction of one hour, all of it scored."""
    scene = Scene(database_url)
    scene.publish_days(4)
    scene.operator.publish(from_hour(START + 60), guesses(range(START + 70, START + 71), off=1.0))
    scene.live(HOURS)
    scene.operator.score()
    return scene


@pytest.fixture
def client(scene: Scene, redis_url: str, topics: TopicRoom) -> Iterator[TestClient]:
    topics.create()
    settings = ApiSettings(
        _env_file=None,
        database_url=scene.url,
        redis_url=redis_url,
        kafka_bootstrap=topics.bootstrap,
        topic_prefix=topics.prefix,
    )
    now = from_hour(START + HOURS) + timedelta(minutes=30)
    with TestClient(create_app(settings, lambda: now)) as client:
        yield client


def added_up(sums: list[Sums]) -> Sums:
    return Sums(*(sum(column) for column in zip(*sums, strict=True)))


def percents(sums: Sums) -> dict[str, object]:
    return {
        "hours": sums.hours,
        "wape_percent": pytest.approx(100 * sums.theirs / sums.actual, abs=1e-5),
        "dayahead_wape_percent": pytest.approx(100 * sums.ours / sums.actual, abs=1e-5),
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "sentence"),
    [
        (3.0, 4.0, "Better than the reference by 25 %."),
        (5.0, 4.0, "Worse than the reference by 25 %."),
        (4.01, 4.0, "As good as the reference."),
        (0.0, 0.0, "As good as the reference."),
        (1.0, 0.0, "Worse than the reference, which has no error."),
        (None, None, "Not compared: the observed values are all zero."),
    ],
)
def test_the_comparison_is_a_sentence(ours: float | None, theirs: float | None, sentence: str) -> None:
    assert verdict(ours, theirs) == sentence


@pytest.mark.servers
def test_accuracy_has_each_reference_and_ours_on_the_same_hours(scene: Scene, client: TestClient) -> None:
    expected = scene.operator.expected()
    [reference] = client.get("/v1/accuracy").json()["references"]
    day_1 = {key: sums for key, sums in expected.items() if key[2] < 25}
    assert reference == {
        "source": "operator",
        "title": "Forecast of operator",
        "unit": "kWh",
        "series": len(SERIES),
        "forecasts": len({key[:2] for key in day_1}),
        "leads": [
            {"first_lead": first, "last_lead": last}
            | percents(added_up([sums for key, sums in day_1.items() if key[2] == first]))
            for first, last in ((1, 6), (7, 12), (13, 24))
        ],
        "verdict": verdict(reference["dayahead_wape_percent"], reference["wape_percent"]),
        **percents(added_up(list(day_1.values()))),
    }


@pytest.mark.servers
def test_the_comparison_is_of_the_series_area_day_of_the_horizon_and_days_that_are_asked_for(
    scene: Scene, client: TestClient
) -> None:
    expected = scene.operator.expected()
    day_1, day_2 = ({key: sums for key, sums in expected.items() if (key[2] == 25) is later} for later in (False, True))
    newest = max(origin for _, origin, _ in day_1)
    asked: list[tuple[str, dict[str, Any], list[Sums]]] = [
        (f"/v1/accuracy/{ONE}", {}, [sums for key, sums in day_1.items() if key[0] == ONE]),
        ("/v1/accuracy", {"area": "DK2"}, [sums for key, sums in day_1.items() if key[0] == OTHER]),
        (f"/v1/accuracy/{ONE}", {"horizon_day": 2}, [sums for key, sums in day_2.items() if key[0] == ONE]),
        ("/v1/accuracy", {"days": 1}, [sums for key, sums in day_1.items() if key[1].date() == newest.date()]),
    ]
    for path, params, chosen in asked:
        [reference] = client.get(path, params=params).json()["references"]
        whole = percents(added_up(chosen))
        assert {name: reference[name] for name in whole} == whole, (path, params)
    assert client.get("/v1/accuracy", params={"horizon_day": 3}).json()["references"] == []


@pytest.mark.servers
def test_the_comparison_at_a_gate_is_of_its_days(scene: Scene, client: TestClient) -> None:
    with psycopg.connect(scene.url) as connection:
        # our own scores, which say what the window is
        connection.execute(
            "INSERT INTO day_ahead_score SELECT series_key, day, gate, starts_at, NULL, 0, 24, 1, 1, 1, 24, 1, 1, 1,"
            " 24, 1, 1, 24, 1 FROM reference_day_score"
        )
        row = connection.execute(
            "SELECT sum(hours), sum(absolute_error), sum(reference_error), sum(absolute_actual), count(*)"
            " FROM reference_day_score WHERE hours > 0"
        ).fetchone()
    assert row is not None
    [reference] = client.get("/v1/accuracy", params={"gate": "11:00"}).json()["references"]
    assert {name: reference[name] for name in percents(Sums(*row[:4]))} == percents(Sums(*row[:4]))
    assert (reference["forecasts"], reference["leads"]) == (row[4], [])
    [one] = client.get(f"/v1/accuracy/{ONE}", params={"gate": "11:00"}).json()["references"]
    assert one["hours"] == row[0] // 2


@pytest.mark.servers
def test_a_forecast_is_answered_as_it_is_known_now_or_was_at_a_moment(scene: Scene, client: TestClient) -> None:
    hour = from_hour(START + 70)
    span = {"start": format_utc(hour), "end": format_utc(hour + HOUR)}
    answers = []
    for as_of in (None, 60, 59, 40, 20):
        moment = {} if as_of is None else {"as_of": format_utc(from_hour(START + as_of))}
        answer = client.get(f"/v1/reference-forecasts/{ONE}", params=span | moment).json()
        answers.append([(one["source"], one["valid_time"], one["value"]) for one in answer["references"]])
    usual, corrected = ([("operator", [format_utc(hour)], [value])] for value in (323.0, 321.0))
    assert answers == [corrected, corrected, usual, usual, []]


@pytest.mark.servers
def test_by_default_the_answer_begins_a_day_before_the_newest_hour_and_holds_all_that_lies_ahead(
    scene: Scene, client: TestClient
) -> None:
    answer = client.get(f"/v1/reference-forecasts/{ONE}").json()
    [reference] = answer["references"]
    assert (answer["start"], answer["end"], answer["unit"]) == (format_utc(from_hour(START + HOURS - 25)), None, "kWh")
    hours = range(START + HOURS - 25, START + 120)
    assert reference["valid_time"] == [format_utc(from_hour(hour)) for hour in hours]
    assert reference["available_at"][-1] == format_utc(from_hour(START + 96 - 15) + timedelta(minutes=30))
    text = client.get(f"/v1/reference-forecasts/{ONE}", params={"format": "csv"}).text
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [float(line["value"]) for line in lines] == reference["value"]
    assert {(line["series_id"], line["source"], line["unit"]) for line in lines} == {(ONE, "operator", "kWh")}


@pytest.mark.servers
@pytest.mark.parametrize("path", ["/v1/accuracy", f"/v1/accuracy/{ONE}"])
@pytest.mark.parametrize("params", [{}, {"horizon_day": "2"}])
def test_a_table_of_accuracy_has_each_reference_as_a_whole_and_by_leads(
    client: TestClient, path: str, params: dict[str, str]
) -> None:
    [reference] = client.get(path, params=params).json()["references"]
    table = csv.DictReader(io.StringIO(client.get(path, params={**params, "format": "csv"}).text))
    rows = [row for row in table if row["level"] == "reference"]
    assert [(row["first_lead"], row["last_lead"]) for row in rows] == [
        ("", ""),
        *((str(one["first_lead"]), str(one["last_lead"])) for one in reference["leads"]),
    ]
    for row, one in zip(rows, [reference, *reference["leads"]], strict=True):
        assert (row["source"], row["unit"]) == (reference["source"], reference["unit"])
        assert int(row["hours"]) == one["hours"]
        for name in ("wape_percent", "dayahead_wape_percent"):
            assert float(row[name]) == pytest.approx(one[name])
    assert rows[0]["verdict"] == reference["verdict"]
    assert rows[0]["series_id"] == ("" if path == "/v1/accuracy" else ONE)


def test_references_are_listed_and_a_removed_one_is_neither_shown_nor_compared(
    scene: Scene, client: TestClient
) -> None:
    [listed] = client.get("/v1/reference-forecasts").json()["references"]
    assert listed == {
        "source": "operator",
        "forecast_of": "test",
        "series": len(SERIES),
        "matched": len(SERIES),
        "newest_hour": format_utc(from_hour(START + 119)),
        "removed_at": None,
    }
    with connect(scene.url) as connection:
        remove_source(connection, "operator")
    assert client.get("/v1/reference-forecasts").json()["references"][0]["removed_at"] is not None
    assert client.get("/v1/accuracy").json()["references"] == []
    assert client.get(f"/v1/reference-forecasts/{ONE}").json()["references"] == []


@pytest.mark.servers
def test_a_reference_is_no_source_of_observations_and_no_series_is_its_own(client: TestClient) -> None:
    quality = client.get("/v1/quality").json()
    assert [one["source"]["name"] for one in quality["sources"]] == ["test"]
    assert {one["source"] for one in client.get("/v1/series").json()["series"]} == {"test"}


@pytest.mark.servers
def test_a_range_that_ends_before_it_starts_is_refused(client: TestClient) -> None:
    span = {"start": format_utc(from_hour(START + 2)), "end": format_utc(from_hour(START))}
    refused = client.get(f"/v1/reference-forecasts/{ONE}", params=span)
    assert (refused.status_code, "it must be up to 366 days before end" in refused.json()["detail"]) == (422, True)
    assert client.get("/v1/reference-forecasts/DK1/nothing").status_code == 404
