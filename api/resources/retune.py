"""`/v1/retune`: ask the trainer for a new model, and see which requests wait."""

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
    """Who wants a new model, and why."""

    requested_by: Text = Field(default="api", min_length=1, max_length=100, description="Who asks")
    reason: Text = Field(min_length=1, max_length=500, description="Why, in a sentence")


class WaitingItem(BaseModel):
    """A request that no training has answered."""

    requested_at: Utc = Field(description="When it was made, UTC")
    requested_by: str = Field(description="Who asks")
    reason: str = Field(description="Why")
    received_at: Utc = Field(description="When the trainer took it from Kafka, UTC")


class WaitingRequests(BaseModel):
    """Requests that the trainer keeps until cool-down and budget allow a training; one answers all of them."""

    waiting: list[WaitingItem] = Field(description="Oldest first")


@router.get("", summary="Requests for a new model that wait")
def list_waiting(use: Use) -> WaitingRequests:
    """Requests that the trainer has received and no training has answered; `/v1/models` has what came of the others."""
    with use.database.connection() as connection:
        found = waiting_requests(connection)
    return WaitingRequests(waiting=[WaitingItem(**asdict(request)) for request in found])


@router.post("", status_code=202, summary="Ask for a new model", dependencies=[TokenRequired], responses=FORBIDDEN)
def request_retune(use: Use, wish: Annotated[RetuneWish, Body()]) -> RetuneRequest:
    """Sends one message to topic `retune-requests`; the trainer keeps it until its budget and cool-down allow."""
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
