"""`/v1/services`: state of the services from Prometheus, and of the servers that the API uses."""

from pydantic import BaseModel, Field, ValidationError

from api.backends import Use
from api.edge.route import resource
from api.problems import server_away
from api.resources.health import Check, check_servers

router = resource("/v1/services", "services")


class Service(BaseModel):
    """One process that Prometheus scrapes."""

    service: str = Field(description="Name of the service: the job of Prometheus")
    instance: str = Field(description="host:port of its /metrics")
    up: bool = Field(description="Whether its last scrape succeeded")
    ready: bool | None = Field(description="Its readiness; null if unknown")


class Services(BaseModel):
    """All processes scraped by Prometheus."""

    services: list[Service]
    checks: list[Check] = Field(description="The servers that this API uses, as in /health/ready")


class _Sample(BaseModel):
    metric: dict[str, str]
    value: tuple[float, str]


class _Data(BaseModel):
    result: list[_Sample]


class _Answer(BaseModel):
    """An instant vector of Prometheus."""

    data: _Data


@router.get("", summary="State of the services")
def list_services(use: Use) -> Services:
    """Up and ready by process; 503 if Prometheus is unavailable."""
    up, ready = _vector(use, "up"), _vector(use, "dayahead_ready")
    return Services(
        services=[
            Service(service=job, instance=instance, up=value == 1, ready=_ready(ready.get((job, instance)), value))
            for (job, instance), value in sorted(up.items())
        ],
        checks=check_servers(use),
    )


def _ready(value: float | None, up: float) -> bool | None:
    if value is None or up != 1:  # the last value of a process that is down is outdated
        return None
    return value == 1


def _vector(use: Use, expression: str) -> dict[tuple[str, str], float]:
    answer = use.prometheus.get("/api/v1/query", {"query": expression})
    try:
        samples = _Answer.model_validate(answer).data.result
    except ValidationError as error:
        raise server_away("Prometheus", f"The server at {use.prometheus.url} is not Prometheus.") from error
    return {
        (sample.metric.get("job", ""), sample.metric.get("instance", "")): float(sample.value[1]) for sample in samples
    }
