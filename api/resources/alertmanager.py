"""`POST /v1/alertmanager`: the webhook through which an alert on errors or drift requests a retune."""

import re
from enum import StrEnum

from pydantic import BaseModel, Field

from api.backends import Use
from api.bearer import TokenRequired
from api.edge.route import resource
from api.parameters import Text
from api.problems import FORBIDDEN
from api.resources.retune import send_request
from dayahead.contracts import RetuneRequest

router = resource("/v1/alertmanager", "alerts")


class AlertStatus(StrEnum):
    """State of a notified alert."""

    FIRING = "firing"
    RESOLVED = "resolved"


class NotifiedAlert(BaseModel):
    """One alert of a notification."""

    status: AlertStatus
    labels: dict[str, Text] = Field(default_factory=dict)
    annotations: dict[str, Text] = Field(default_factory=dict)


class Notification(BaseModel):
    """A notification of Alertmanager (webhook, version 4); other fields are ignored."""

    version: str = Field(pattern="^4$", description="Version of the format; must be 4")
    status: AlertStatus
    alerts: list[NotifiedAlert] = Field(max_length=10_000)


class Handled(BaseModel):
    """The result of a notification."""

    retune_request: RetuneRequest | None = Field(description="The request that was sent; null if none was needed")
    reason: str = Field(description="Why, in a sentence")


@router.post("", summary="Alertmanager's webhook", dependencies=[TokenRequired], responses=FORBIDDEN)
def handle_notification(use: Use, notification: Notification) -> Handled:
    """A firing critical alert on errors or drift sends one retune request for the whole group."""
    pattern = re.compile(use.settings.retune_alert_pattern)
    due = [
        alert
        for alert in notification.alerts
        if alert.status is AlertStatus.FIRING
        and alert.labels.get("severity") == "critical"
        and pattern.search(alert.labels.get("alertname", ""))
    ]
    if not due:
        return Handled(
            retune_request=None,
            reason=f"None of {len(notification.alerts)} alerts is a firing critical alert on errors or drift.",
        )
    first = due[0]
    why = first.annotations.get("summary") or f"alert {first.labels['alertname']} fires"
    sent = send_request(use, first.labels["alertname"], why)
    return Handled(retune_request=sent, reason="A request for a retune was sent; the trainer keeps it.")
