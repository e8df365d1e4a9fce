"""`POST /v1/retune`: ask the trainer for a new model."""

from typing import Annotated

from fastapi import Body
from pydantic import BaseModel, Field

from api.backends import Backends, Use
from api.bearer import TokenRequired
from api.edge.route import resource
from api.problems import FORBIDDEN, server_away
from dayahead.contracts import RetuneRequest
from dayahead.topics import RETUNE_REQUESTS

router = resource("/v1/retune", "models")


class RetuneWish(BaseModel):
    """Who wants a new model, and why."""

    requested_by: str = Field(default="api", min_length=1, max_length=100, description="Who asks")
    reason: str = Field(min_length=1, max_length=500, description="Why, in a sentence")


@router.post("", status_code=202, summary="Ask for a new model", dependencies=[TokenRequired], responses=FORBIDDEN)
def request_retune(use: Use, wish: Annotated[RetuneWish, Body()]) -> RetuneRequest:
    """Sends one message to topic `retune-requests`; the trainer honours its budget and cool-down."""
    return send_request(use, wish.requested_by, wish.reason)


def send_request(use: Backends, requested_by: str, reason: str) -> RetuneRequest:
    """Send a request for a new model.

    Raises:
        Problem: Kafka did not take it.
    """
    request = RetuneRequest(requested_at=use.now(), requested_by=requested_by, reason=reason)
    if not use.announcer.send(RETUNE_REQUESTS, None, request):
        raise server_away("Kafka", "The request was not sent: send it again.")
    return request
