"""`/v1/alerts`: what Alertmanager has now."""

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from api.backends import Use
from api.edge.route import resource
from api.parameters import Moment, Utc
from api.problems import server_away

router = resource("/v1/alerts", "alerts")

ALWAYS_ON = "Watchdog"
MAX_ALERTS = 500


class Alert(BaseModel):
    """One alert that fires."""

    name: str = Field(description="Name of the rule")
    severity: str = Field(description="critical, warning or info")
    state: str = Field(description="active, or suppressed by a silence or another alert")
    since: Utc = Field(description="When it started, UTC")
    summary: str = Field(description="What is wrong, in a sentence")
    description: str = Field(description="More of it")
    runbook_url: str = Field(description="What to do about it")
    labels: dict[str, str]


class Alerts(BaseModel):
    """What fires now, critical first."""

    alerts: list[Alert]
    watchdog: bool = Field(description="Whether the alert that always fires is there: the chain of alerting works")


class _Status(BaseModel):
    state: str = "active"


class _Received(BaseModel):
    """An alert as Alertmanager's API v2 gives it."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: Moment  # noqa: N815 - Alertmanager's name
    status: _Status = _Status()


_RECEIVED = TypeAdapter(list[_Received])


@router.get("", summary="Alerts that fire now")
def list_alerts(use: Use) -> Alerts:
    """The alerts of Alertmanager; 503 where it is away."""
    answer = use.alertmanager.get("/api/v2/alerts", {"active": "true", "silenced": "true", "inhibited": "true"})
    try:
        received = _RECEIVED.validate_python(answer)
    except ValidationError as error:
        raise server_away("Alertmanager", f"What answers at {use.alertmanager.url} is no Alertmanager.") from error
    firing = [alert for alert in received if alert.labels.get("alertname") != ALWAYS_ON]
    order = {"critical": 0, "warning": 1}
    firing.sort(key=lambda alert: (order.get(alert.labels.get("severity", ""), 2), alert.startsAt))
    return Alerts(alerts=[_alert(alert) for alert in firing[:MAX_ALERTS]], watchdog=len(firing) < len(received))


def _alert(received: _Received) -> Alert:
    notes = received.annotations
    return Alert(
        name=received.labels.get("alertname", ""),
        severity=received.labels.get("severity", "info"),
        state=received.status.state,
        since=received.startsAt,
        summary=notes.get("summary", ""),
        description=notes.get("description", ""),
        runbook_url=notes.get("runbook_url", ""),
        labels=received.labels,
    )
