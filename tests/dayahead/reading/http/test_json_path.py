import pytest

from dayahead.errors import MalformedAnswer
from dayahead.reading.http.json_path import records_at, value_at

HOURS = [{"t": 1, "v": 2.0}, {"t": 2, "v": 3.0}]


@pytest.mark.parametrize(
    ("document", "path", "columns"),
    [
        (HOURS, "", []),
        ({"data": {"items": HOURS}}, "data.items", []),
        ({"t": [1, 2], "v": [2.0, 3.0]}, "", []),
        ({"hourly": {"t": [1, 2], "v": [2.0, 3.0]}}, "hourly", []),
        ({"rows": [[1, 2.0, "x"], [2, 3.0, "y"]]}, "rows", ["t", "v"]),
        ({"values": {1: 2.0, 2: 3.0}}, "values", ["t", "v"]),
        ([{"days": [{"hours": HOURS[:1]}]}, {"days": [{"hours": HOURS[1:]}]}], "days.hours", []),
    ],
)
def test_records_are_found_in_every_shape(document: object, path: str, columns: list[str]) -> None:
    assert records_at(document, path, columns) == HOURS


def test_single_values_on_the_way_are_columns_and_those_of_the_record_win() -> None:
    document = {"unit": "MW", "regions": [{"name": "n", "v": 0, "points": HOURS[:1]}, {"name": "s", "points": []}]}
    assert records_at(document, "regions.points") == [{"unit": "MW", "name": "n", "t": 1, "v": 2.0}]


def test_single_values_next_to_columns_are_the_same_for_all_rows() -> None:
    assert records_at({"name": "n", "t": [1, 2]}, "") == [{"name": "n", "t": 1}, {"name": "n", "t": 2}]


def test_objects_in_records_give_dotted_columns() -> None:
    assert records_at([{"period": {"from": 1, "zone": {"name": "UTC"}}, "v": 2}], "") == [
        {"period.from": 1, "period.zone.name": "UTC", "v": 2}
    ]


@pytest.mark.parametrize(("document", "path"), [([], ""), ({"data": None}, "data"), ({"data": {"a": []}}, "data")])
def test_nothing_is_no_record(document: object, path: str) -> None:
    assert records_at(document, path) == []


@pytest.mark.parametrize(
    ("document", "path", "columns", "message"),
    [
        ({"error": "x", "code": 1}, "data", [], "no `data` of `data`, but error, code"),
        ({"data": "text"}, "data.items", [], "no `items` of `data.items`, but str"),
        ({"data": "text"}, "data", [], "`data` that is a str"),
        ({"data": [1, 2]}, "data", [], "not objects: name their columns"),
        ({"data": [[1], [2, 3]]}, "data", ["t", "v"], "not lists of 2 values"),
        ({"data": {"a": 1}}, "data", [], "an object without lists"),
        ({"data": {"a": 1}}, "data", ["t"], "name two columns"),
        ({"t": [1, 2], "v": [1]}, "", [], "the document whose columns have 1 and 2 values"),
        ([{"a": 1}, 5], "", ["t"], "not lists of 1 values"),
    ],
)
def test_what_is_no_record_is_named(document: object, path: str, columns: list[str], message: str) -> None:
    with pytest.raises(MalformedAnswer, match=message):
        records_at(document, path, columns)


def test_a_single_value_is_found_or_missing() -> None:
    assert value_at({"meta": {"next": "x"}}, "meta.next") == "x"
    documents: list[object] = [{"meta": {}}, {"meta": []}, {}, [], None]
    for document in documents:
        assert value_at(document, "meta.next") is None
