"""What the OpenAPI document says, and that the live API does just that."""

import os
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from api.app import create_app
from api.settings import ApiSettings
from tests.api.conftest import SampleService
from tests.api.fakes import NOW, TOKEN
from tests.api.serving import Site
from tests.conftest import TopicRoom

OPENAPI = create_app(ApiSettings(_env_file=None)).openapi()
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in OPENAPI["paths"].items()
    for method, operation in methods.items()
]
WATCHERS = ("/v1/alerts", "/v1/services")
ENDLESS = "/v1/forecasts/stream"
EXAMPLES = 12


@pytest.fixture(scope="module")
def openapi(sample_service: SampleService, kafka_bootstrap: str) -> Iterator[OpenApiSchema]:
    """The document of an API on real servers, as that API serves it."""
    room = TopicRoom(kafka_bootstrap, f"openapi-{os.getpid()}-{secrets.token_hex(3)}.")
    room.create()
    given = sample_service.settings(kafka_bootstrap=room.bootstrap, topic_prefix=room.prefix)
    site = Site(lambda: create_app(given, lambda: NOW))
    site.start()
    schema = schemathesis.openapi.from_url(f"{site.url}/openapi.json")
    yield schema
    site.stop()


def examples() -> Iterator[tuple[str, GenerationMode]]:
    """Operations with requests that fit the document, and with such that do not where that is possible."""
    for name, operation in OPERATIONS:
        if ENDLESS in name:
            continue
        yield name, GenerationMode.POSITIVE
        if "requestBody" in operation or any(one["in"] == "query" for one in operation.get("parameters", [])):
            yield name, GenerationMode.NEGATIVE


@pytest.mark.servers
@pytest.mark.parametrize(("name", "mode"), list(examples()))
def test_the_live_api_does_what_the_document_says(openapi: OpenApiSchema, name: str, mode: GenerationMode) -> None:
    method, path = name.split(" ")
    excluded = [ignored_auth]  # the token is a real one; without it nothing behind would be reached
    if path in WATCHERS:  # away here: 503, which is in the document
        excluded.append(not_a_server_error)
    if path.startswith(
        ("/v1/observations", "/v1/reference-forecasts")
    ):  # no schema can say that `end` is not before `start`
        excluded.append(positive_data_acceptance)

    @settings(max_examples=EXAMPLES, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=openapi[path][method].as_strategy(generation_mode=mode), known=booleans())
    def check(case: schemathesis.Case[Any], known: bool) -> None:
        if known and "series_id" in case.path_parameters:
            case.path_parameters["series_id"] = "DK1/111"
        # By requests itself: what schemathesis wraps around it reads parts of urllib3 that urllib3-future, which a
        # library of ours brings along, has not.
        sent = case.as_transport_kwargs(headers={"Authorization": f"Bearer {TOKEN}"})
        case.validate_response(session.request(**sent, timeout=30), excluded_checks=excluded)

    with requests.Session() as session:
        session.trust_env = False
        check()


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_each_error_is_a_problem_in_the_document(name: str, operation: dict[str, Any]) -> None:
    errors = {status: response for status, response in operation["responses"].items() if status >= "400"}
    expected = {"406", "422", "429", "500", "503"} | (
        {"400", "413", "401", "403"} if name.startswith("POST") else set()
    )
    assert expected <= set(errors)
    ready = name == "GET /health/ready"  # whose 503 is the report itself
    for status, response in errors.items():
        if not (ready and status == "503"):
            assert list(response["content"]) == ["application/problem+json"]
