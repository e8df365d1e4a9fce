"""A client of the stream that knows server-sent events and nothing of the service."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

STALENESS = re.compile(
    r',"stale":(true|false|null),"stale_reason":"[^"]*","expired":(true|false|null),"expired_reason":"[^"]*"}$'
)


@dataclass
class Event:
    """An event as the standard defines it.

    Attributes:
        name: of the event; empty for a block that only sets the id.
        data: its text.
        last_id: the last id that was seen, with this event or before.
    """

    name: str
    data: str
    last_id: str

    @property
    def document(self) -> dict[str, str]:
        """The data as JSON."""
        document: dict[str, str] = json.loads(self.data)
        return document


@dataclass
class Listener:
    """Reads events from the lines of an answer."""

    lines: Iterator[str]
    last_id: str = ""
    seen: list[Event] = field(default_factory=list)
    silent: int = 0

    def next(self) -> Event:
        """The next block that has an event or an id."""
        name, data, had_id = "", [], False
        for line in self.lines:
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
            elif line.startswith("id:"):
                self.last_id, had_id = line[3:].strip(), True
            elif line.startswith(": still here"):
                self.silent += 1
                assert self.silent < 2, f"nothing came for half a minute after {self.seen[-3:]}"
            elif not line and (data or had_id):
                self.seen.append(Event(name, "\n".join(data), self.last_id))
                return self.seen[-1]
        raise AssertionError(f"the stream ended after {self.seen}")

    def until(self, name: str, state: str | None = None) -> Event:
        """The next event of a name, of a state where one is given."""
        while True:
            event = self.next()
            if event.name == name and (state is None or event.document["state"] == state):
                return event

    def forecasts(self, count: int) -> list[str]:
        """The data of the next forecasts, without what the API says of their series."""
        return [STALENESS.sub("}", self.until("forecast").data) for _ in range(count)]

    def ready(self) -> "Listener":
        """Listen until nothing that is made can be missed."""
        while not self.last_id or not any(event.name == "status" for event in self.seen):
            self.next()
        return self


@contextmanager
def listening(url: str, query: str = "", last_event_id: str | None = None) -> Iterator[Listener]:
    """Connect to the stream.

    Args:
        url: of the API.
        query: `?area=…`.
        last_event_id: resume behind this event.
    """
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    with httpx.stream("GET", f"{url}/v1/forecasts/stream{query}", headers=headers, timeout=60) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield Listener(answer.iter_lines())
