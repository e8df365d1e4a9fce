"""The Python client follows the OpenAPI document."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from api.app import create_app
from api.client_models import MODELS, client_models
from api.settings import ApiSettings
from dayahead.client import queries
from dayahead.client.query import Query

PATHS: dict[str, dict[str, Any]] = create_app(ApiSettings(_env_file=None)).openapi()["paths"]
NOT_ASKED = {
    ("GET", "/v1/forecasts/stream"),  # Client.stream
    ("POST", "/v1/alertmanager"),  # Alertmanager's
    ("GET", "/health/live"),  # a probe's
}
SET_BY_THE_CLIENT = {"format", "cursor", "If-None-Match"}
SHARED_PATHS = {"limit"}
"""Of lists the size of a page, of forecasts a limit of the value: the query of a list has none."""

NAMES = {"series_id": "DK1/111", "source": "s", "release": "r-1", "day": "tomorrow", "offset": 7}
VALUES: dict[str, Any] = {"rows": [], "quantiles": [0.05], "hours": 24, "start": "now"}


def functions() -> Iterator[tuple[str, Callable[..., Query[Any]]]]:
    for name, function in inspect.getmembers(queries, inspect.isfunction):
        if function.__module__ == queries.__name__:
            yield name, function


def query_of(function: Callable[..., Query[Any]]) -> Query[Any]:
    given = {name: NAMES.get(name, VALUES.get(name, "v")) for name in inspect.signature(function).parameters}
    return function(**given)


def template_of(query: Query[Any]) -> str:
    """The path of the document that a query asks; the most literal one that matches."""
    found = []
    for template in PATHS:
        pattern = re.sub(r"\{series_id\}", ".+", re.sub(r"\{(?!series_id)\w+\}", "[^/]+", template))
        if re.fullmatch(pattern, query.path):
            found.append(template)
    return min(found, key=lambda template: (template.count("{"), -len(template)))


def test_the_models_are_those_of_the_document() -> None:
    assert MODELS.read_text() == client_models(), "they are old: run `python -m api.client_models`"


def test_every_resource_has_a_query() -> None:
    asked = {(query.method, template_of(query)) for query in (query_of(function) for _, function in functions())}
    there = {(method.upper(), path) for path, methods in PATHS.items() for method in methods}
    assert asked == there - NOT_ASKED


def test_a_query_has_every_parameter_of_its_resource_and_no_other() -> None:
    for name, function in functions():
        query = query_of(function)
        described = PATHS[template_of(query)][query.method.lower()]
        there = {one["name"] for one in described.get("parameters", []) if one["in"] == "query"} - SET_BY_THE_CLIENT
        if template_of(query) == "/v1/forecasts/{series_id}":
            forms = ({"as_of", "origin"}, {"from", "hours"})
            there -= forms[1] if name == "forecast" else forms[0]
        if query.method == "POST":
            continue  # the parameters of rows are fields of the body
        assert query.parameters.keys() - there == set(), name
        assert there - query.parameters.keys() <= SHARED_PATHS, name
