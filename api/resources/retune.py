"""`/v1/retune`: request a new model, and list the waiting requests."""

from dataclasses import asdict
from typing import Annotated

from fastapi import Body
from pydantic import BaseModel, Field

from api.backends import Backends, Use
from api.bearer import TokenRequired
from api.edge.route import resource
from api.parameters import Text, Utc
from api.problems import FORBIDDEN, server_away
from dayahead.contracts import RetuneRequest
from dayahead.storage.tables.retune_request import waiting_requests
from dayahead.topics import RETUNE_REQUESTS

router = resource("/v1/retune", "models")


class RetuneWish(BaseModel):
    """A request for a new model."""

    requested_by: Text = Field(default="api", min_length=1, max_length=100, description="Who asks")
    reason: Text = Field(min_length=1, max_length=500, description="Why, in a sentence")


class WaitingItem(BaseModel):
    """A waiting request."""

    requested_at: Utc = Field(description="When it was made, UTC")
    requested_by: str = Field(description="Who asks")
    reason: str = Field(description="Why")
    received_at: Utc = Field(description="When the trainer received it, UTC")


class WaitingRequests(BaseModel):
    """Waiting requests, until cool-down and budget allow a training; one training answers all."""

    waiting: list[WaitingItem] = Field(description="Oldest first")


@router.get("", summary="Waiting requests for a new model")
def list_waiting(use: Use) -> WaitingRequests:
    """Requests received by the trainer and not answered by a training yet; `/v1/models` lists the trainings."""
    with use.database.connection() as connection:
        found = waiting_requests(connection)
    return WaitingRequests(waiting=[WaitingItem(**asdict(request)) for request in found])


@router.post("", status_code=202, summary="Request a new model", dependencies=[TokenRequired], responses=FORBIDDEN)
def request_retune(use: Use, wish: Annotated[RetuneWish, Body()]) -> RetuneRequest:
    """Send one message to topic `retune-requests`; it waits until budget and cool-down allow a training."""
    return send_request(use, wish.requested_by, wish.reason)


def send_request(use: Backends, requested_by: str, reason: str) -> RetuneRequest:
    """Send a request for a new model.

    Raises:
        Problem: Kafka did not acknowledge it.
    """
    request = RetuneRequest(requested_at=use.now(), requested_by=requested_by, reason=reason)
    if not use.announcer.send(RETUNE_REQUESTS, None, request):
        raise server_away("Kafka", "The request was not sent: send it again.")
    return request
