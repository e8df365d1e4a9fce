from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from api.app import create_app
from api.settings import ApiSettings
from dayahead.settings import PREFIX, ServiceSettings

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
OPENAPI = create_app(ApiSettings(_env_file=None)).openapi()
ENDPOINTS = [
    (method.upper(), path.replace(":path", "")) for path, methods in OPENAPI["paths"].items() for method in methods
]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_every_endpoint_is_documented(method: str, path: str) -> None:
    assert f"`{method} {path}`" in PAGE


def test_every_setting_of_the_api_is_documented() -> None:
    own = set(ApiSettings.model_fields) - set(ServiceSettings.model_fields)
    assert {name for name in own if PREFIX + name.upper() not in PAGE} == set()


def test_every_metric_of_the_api_is_documented() -> None:
    families = {metric.name for metric in REGISTRY.collect() if metric.name.startswith("dayahead_api_")}
    assert families
    assert {name for name in families if name not in PAGE} == set()


def test_every_parameter_and_field_has_a_description() -> None:
    parameters = [
        (path, parameter["name"])
        for path, methods in OPENAPI["paths"].items()
        for operation in methods.values()
        for parameter in operation.get("parameters", [])
        if "description" not in parameter and parameter["in"] == "query"
    ]
    assert parameters == []
    assert all(operation["summary"] for methods in OPENAPI["paths"].values() for operation in methods.values())
