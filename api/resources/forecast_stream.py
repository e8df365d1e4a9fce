"""`/v1/forecasts/stream`: forecasts as they are made, as server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import StreamingResponse

from api.backends import Use
from api.edge.route import resource
from api.feed import ForecastFeed, Subscription
from api.parameters import Area, Text
from dayahead.series import encoded_label

router = resource("/v1/forecasts/stream", "forecasts")

KEEP_ALIVE_S = 15.0


@dataclass(frozen=True)
class Wanted:
    """What a client listens to.

    Attributes:
        area: the first label as it stands in a series_id; None for every area.
        series_ids: only these; empty for all.
    """

    area: str | None
    series_ids: frozenset[str]

    def has(self, series_id: str) -> bool:
        """Whether the client wants to hear of a series."""
        in_area = self.area is None or series_id.split("/", maxsplit=1)[0] == self.area
        return in_area and (not self.series_ids or series_id in self.series_ids)


@router.get(
    "",
    summary="Forecasts as they are made",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Events `forecast`, and `lagged` at worst"}},
)
async def stream_forecasts(
    use: Use,
    request: Request,
    area: Area = None,
    series_id: Annotated[
        list[Text] | None, Query(max_length=1000, description="Only these series; may be repeated")
    ] = None,
) -> StreamingResponse:
    """Server-sent events: each `forecast` has the bytes of a forecast as its `data` and its series_id as its `id`.

    Nothing that was made before the connection is sent: read `/v1/forecasts` first. A client that reads too slowly gets
    `lagged` and is disconnected.
    """
    wanted = Wanted(None if area is None else encoded_label(area), frozenset(series_id or ()))
    events = _events(use.feed, request, wanted)
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _events(feed: ForecastFeed, request: Request, wanted: Wanted) -> AsyncIterator[bytes]:
    with feed.listen() as subscription:
        yield b": forecasts from now on\n\n"
        async for event in _heard(subscription, wanted):
            if await request.is_disconnected():
                return
            yield event


async def _heard(subscription: Subscription, wanted: Wanted) -> AsyncIterator[bytes]:
    while True:
        try:
            made = await asyncio.wait_for(subscription.queue.get(), KEEP_ALIVE_S)
        except TimeoutError:
            yield b": still here\n\n"
            continue
        if made is None:
            yield b"event: lagged\ndata: {}\n\n"
            return
        if not wanted.has(made.series_id):
            continue
        yield b"event: forecast\nid: %b\ndata: %b\n\n" % (made.series_id.encode(), made.body)
