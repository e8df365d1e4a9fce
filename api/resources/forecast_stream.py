"""`/v1/forecasts/stream`: forecasts as they are made, as server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.backends import Backends, Use
from api.edge.route import resource
from api.feed import ForecastFeed
from api.hearing import Made, Missed, ReaderState, Status, Subscription
from api.parameters import Area, Text, check_area, check_series
from api.positions import Positions
from api.problems import NOT_FOUND
from api.replay import CannotReplay
from api.staleness import StalenessJudge
from dayahead.series import encoded_label

router = resource("/v1/forecasts/stream", "forecasts")

KEEP_ALIVE_S = 15.0
READ_AGAIN = "Read /v1/forecasts for what you may have missed, and keep listening."


@dataclass(frozen=True)
class Wanted:
    """The filter of a client.

    Attributes:
        area: the first label of the series_id; None for every area.
        series_ids: only these; empty for all.
    """

    area: str | None
    series_ids: frozenset[str]

    def has(self, series_id: str) -> bool:
        """Whether the client receives a series."""
        in_area = self.area is None or series_id.split("/", maxsplit=1)[0] == self.area
        return in_area and (not self.series_ids or series_id in self.series_ids)


def _wanted(
    use: Use,
    area: Area = None,
    series_id: Annotated[
        list[Text] | None, Query(max_length=1000, description="Only these series; may be repeated")
    ] = None,
) -> Wanted:
    """The filter of a request; rejects unknown areas and series."""
    if area is not None or series_id:
        with use.database.connection() as connection:
            check_area(connection, area)
            check_series(connection, series_id or [])
    return Wanted(None if area is None else encoded_label(area), frozenset(series_id or ()))


@router.get(
    "",
    summary="Forecasts as they are made",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/event-stream": {}},
            "description": "Events `forecast`, `status`, `reset` and `lagged`",
        },
        **NOT_FOUND,
    },
)
async def stream_forecasts(
    use: Use,
    request: Request,
    wanted: Annotated[Wanted, Depends(_wanted)],
    last_event_id: Annotated[
        str | None, Header(description="Id of the last received event: the stream resumes after it")
    ] = None,
) -> StreamingResponse:
    """Server-sent events: each `forecast` has the bytes of a forecast as its `data`.

    `status` is the state of the reader of topic `forecasts`, sent first and on every change. The `id` of an event, sent
    back as `Last-Event-ID`, resumes after it; without it, no forecast from before the connection is sent: read
    `/v1/forecasts` first. `reset` says that forecasts were missed: read `/v1/forecasts` again. A client that reads too
    slowly gets `lagged` and is disconnected; it may resume.
    """
    events = _events(use, request, wanted, last_event_id)
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _events(use: Backends, request: Request, wanted: Wanted, last_event_id: str | None) -> AsyncIterator[bytes]:
    with use.feed.listen(wanted.has) as subscription:
        async for event in _heard(use.feed, use.staleness, subscription, wanted, last_event_id):
            if await request.is_disconnected():
                return
            yield event


async def _heard(
    feed: ForecastFeed,
    staleness: StalenessJudge,
    subscription: Subscription,
    wanted: Wanted,
    last_event_id: str | None,
) -> AsyncIterator[bytes]:
    resumes = bool(last_event_id)
    while True:
        try:
            heard = await asyncio.wait_for(subscription.queue.get(), KEEP_ALIVE_S)
        except TimeoutError:
            yield b": still here\n" + _id(None if resumes else subscription.position) + b"\n"
            continue
        if isinstance(heard, Made):
            yield _forecast(heard, staleness)
        elif isinstance(heard, Missed):
            yield _event("reset", reason=f"{heard.reason}. {READ_AGAIN}")
        elif isinstance(heard, Status):
            yield _event("status", state=heard.state.value, detail=heard.detail)
            if heard.state not in (ReaderState.READING, ReaderState.UNREADABLE) or subscription.began is None:
                continue
            if resumes and last_event_id:
                resumes = False
                async for event in _missed(feed, staleness, wanted, last_event_id, subscription.began):
                    yield event
            if subscription.queue.empty():
                yield _id(subscription.position) + b"\n"
        else:
            yield _event("lagged")
            return


async def _missed(
    feed: ForecastFeed, staleness: StalenessJudge, wanted: Wanted, last_event_id: str, began: Positions
) -> AsyncIterator[bytes]:
    """The forecasts since the client's last event, or an event with the reason why they cannot be sent."""
    try:
        start = _position(last_event_id)
        # read completely before anything is sent: a slow client must not block the replays of others
        async with feed.replays:
            missed = await run_in_threadpool(_read, feed, start, began, wanted)
        for one in missed:
            yield _forecast(one, staleness)
    except CannotReplay as error:
        yield _event("reset", reason=f"{error}. {READ_AGAIN}")
    yield _id(began) + b"\n"


def _read(feed: ForecastFeed, start: Positions, end: Positions, wanted: Wanted) -> list[Made]:
    """The wanted forecasts between two positions; at most `DAYAHEAD_API_STREAM_REPLAY_LIMIT` of them."""
    found: list[Made] = []
    with feed.replay(start, end) as replay:
        while made := replay.next():
            found += [one for one in made if wanted.has(one.series_id)]
    return found


def _position(last_event_id: str) -> Positions:
    if (position := Positions.parse(last_event_id)) is None:
        raise CannotReplay(f"Last-Event-ID {last_event_id!r} is not the id of an event of this stream")
    return position


def _forecast(made: Made, staleness: StalenessJudge) -> bytes:
    data = b"\n".join(b"data: " + line for line in staleness.judged(made.body).splitlines())
    return b"event: forecast\n%b%b\n\n" % (_id(made.position), data)


def _event(name: str, **data: str) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))


def _id(position: Positions | None) -> bytes:
    """The `id` line, which lets a client resume; by itself it is not an event."""
    return b"" if position is None else b"id: %b\n" % position.text.encode()
