"""`/v1/alerts`: the firing alerts of Alertmanager."""

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from api.backends import Use
from api.edge.route import resource
from api.parameters import Moment, Utc
from api.problems import server_away

router = resource("/v1/alerts", "alerts")

ALWAYS_ON = "Watchdog"
MAX_ALERTS = 500


class Alert(BaseModel):
    """A firing alert."""

    name: str = Field(description="Name of the rule")
    severity: str = Field(description="critical, warning or info")
    state: str = Field(description="active, or suppressed by a silence or another alert")
    since: Utc = Field(description="When it started, UTC")
    summary: str = Field(description="What is wrong, in a sentence")
    description: str = Field(description="Details")
    runbook_url: str = Field(description="Link to the remedy")
    labels: dict[str, str]


class Alerts(BaseModel):
    """The firing alerts, critical first."""

    alerts: list[Alert]
    watchdog: bool = Field(description="Whether the Watchdog, which always fires, is present: alerting works")


class _Status(BaseModel):
    state: str = "active"


class _Received(BaseModel):
    """An alert of Alertmanager's API v2."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: Moment  # noqa: N815 - Alertmanager's name
    status: _Status = _Status()


_RECEIVED = TypeAdapter(list[_Received])


@router.get("", summary="Firing alerts")
def list_alerts(use: Use) -> Alerts:
    """The alerts of Alertmanager; 503 if it is unavailable."""
    answer = use.alertmanager.get("/api/v2/alerts", {"active": "true", "silenced": "true", "inhibited": "true"})
    try:
        received = _RECEIVED.validate_python(answer)
    except ValidationError as error:
        raise server_away("Alertmanager", f"The server at {use.alertmanager.url} is not Alertmanager.") from error
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
