"""The OpenAPI document of FastAPI, corrected where FastAPI cannot derive it from the code."""

from typing import Any

from fastapi import FastAPI

from api.problems import MEDIA_TYPE, ProblemDocument

PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}}}
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}}

OF_ANY: dict[str, dict[str, Any]] = {
    "406": {"description": "`Accept` names no media type that the resource has"},
    "429": {"description": "More requests than the service allows one client", "headers": RETRY_AFTER},
    "500": {"description": "The request failed; the log of the API has the reason"},
}
OF_BODIES: dict[str, dict[str, Any]] = {
    "400": {"description": "The body cannot be read as text"},
    "413": {"description": "The body is larger than the service reads"},
}
NOT_MODIFIED = {"description": "The caller has the answer already, by `If-None-Match`; no body"}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETag of the answer that the caller has: 304 while it holds",
    "schema": {"type": "string"},
}
ETAG = {"ETag": {"description": "Tag of this answer, for If-None-Match", "schema": {"type": "string"}}}

Operation = dict[str, Any]


def install(app: FastAPI) -> None:
    """Make the app serve the completed document."""
    derive = app.openapi

    def completed() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = derive()
            for methods in document["paths"].values():
                for method, operation in methods.items():
                    _complete(method, operation)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = completed  # type: ignore[method-assign]  # FastAPI documents this as the way


def _complete(method: str, operation: Operation) -> None:
    responses = operation["responses"]
    for status, response in (OF_ANY | (OF_BODIES if "requestBody" in operation else {})).items():
        responses.setdefault(status, dict(response))
    for status, response in responses.items():
        if status >= "400" and _is_problem(response):
            response["content"] = PROBLEM
    responses["503"].setdefault("headers", RETRY_AFTER)
    for parameter in operation.get("parameters", []):
        _leave_out_null(parameter["schema"])
    if method == "get" and "application/json" in responses["200"].get("content", {}):
        responses["200"]["headers"] = ETAG
        responses["304"] = NOT_MODIFIED
        operation.setdefault("parameters", []).append(IF_NONE_MATCH)
    operation["responses"] = dict(sorted(responses.items()))


def _is_problem(response: dict[str, Any]) -> bool:
    """Check whether a response is a problem: one that the code describes, or one without a body yet."""
    content = response.get("content")
    return content is None or content.get("application/json") == PROBLEM[MEDIA_TYPE]


def _leave_out_null(schema: dict[str, Any]) -> None:
    """Remove null from the types of URL parameters, which can be omitted but not null."""
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        del schema["anyOf"]
        schema.update(choices[0])
