"""Delivers single events: retries until they are taken, refused, too old, or the receiver wants no more."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from consumers.webhooks import metrics
from consumers.webhooks.event import Event, event_of
from consumers.webhooks.posting import Poster
from consumers.webhooks.progress import Place
from consumers.webhooks.receivers import EventType, Receiver
from dayahead.contracts import UndeliveredWebhook
from dayahead.errors import DeliveryFailed, DeliveryRefused, ReceiverGone, Stopped
from dayahead.hours import HOUR_S, Clock
from dayahead.retry import Backoff, Pause, retry

log = structlog.get_logger()

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 3600.0


@dataclass
class Refusal:
    """That a receiver refuses an event.

    Attributes:
        since_s: when it first did, seconds since 1970.
        due_s: when the next attempt is.
        backoff: the pauses between attempts.
    """

    since_s: float
    due_s: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S))


@dataclass
class Waiting:
    """A message for a receiver.

    Attributes:
        place: of the message.
        kind: of the event.
        key: of the message, or nothing.
        value: the message.
        published_s: when it was published, seconds since 1970.
        refusal: where the receiver refuses it.
    """

    place: Place
    kind: EventType
    key: bytes
    value: bytes
    published_s: float
    refusal: Refusal | None = None

    @property
    def series(self) -> bytes:
        """The series_id in the key."""
        return self.key.partition(b"|")[0]

    def is_due(self, now_s: float) -> bool:
        """Whether it may be attempted now."""
        return self.refusal is None or self.refusal.due_s <= now_s


@dataclass
class Taken:
    """When a receiver last took an event, seconds since 1970; for all its threads."""

    at_s: float = 0.0


class _TooOld(Exception):  # noqa: N818 - ends the retries
    """An attempt failed, and the event is too old for another one."""


class Delivery:
    """Delivers events to one receiver from one thread."""

    def __init__(
        self,
        receiver: Receiver,
        poster: Poster,
        set_aside: Callable[[UndeliveredWebhook, Pause], None],
        taken: Taken,
        clock: Clock,
    ) -> None:
        """Keep the arguments.

        Args:
            receiver: of the events.
            poster: of this thread.
            set_aside: publishes what was given up, and returns when that is sure.
            taken: shared by all threads of the receiver.
            clock: the present moment, for the age of an event.
        """
        self._receiver, self._poster, self._set_aside = receiver, poster, set_aside
        self._taken, self._clock = taken, clock

    def deliver(self, waiting: Waiting, cancelled: threading.Event) -> bool:
        """Deliver an event, or set it aside for good.

        Returns:
            Whether that is done; otherwise the receiver refuses the event, and it is attempted again when it is due.

        Raises:
            Stopped: cancelled before it was done.
            ReceiverGone: the receiver wants no more.
        """
        try:
            event = event_of(waiting.kind, waiting.value, self._receiver.format)
        except ValueError as error:
            self._give_up(waiting, None, f"the message is not a forecast: {error}", cancelled.wait)
            return True
        if not self._receiver.wants(event.series_id):
            return True
        if cancelled.is_set():
            raise Stopped(f"the delivery to {self._receiver.name} was cancelled")
        try:
            retry(
                lambda: self._attempt(event),
                (DeliveryFailed,),
                backoff=Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S),
                pause=cancelled.wait,
                on_failure=lambda error, pause_s: self._note(waiting, error, pause_s),
            )
        except DeliveryRefused as error:
            if not self._is_refused_for_good(waiting, error):
                return False
            self._give_up(waiting, event, f"{error}, while it took other events", cancelled.wait)
        except _TooOld as error:
            self._give_up(waiting, event, str(error), cancelled.wait)
        return True

    def close(self) -> None:
        """Close the connections."""
        self._poster.close()

    def _attempt(self, event: Event) -> None:
        try:
            self._poster.post(event)
        except DeliveryFailed:
            metrics.DELIVERIES.labels(self._receiver.name, metrics.FAILED).inc()
            raise
        except ReceiverGone:
            metrics.DELIVERIES.labels(self._receiver.name, metrics.GONE).inc()
            raise
        self._taken.at_s = self._clock().timestamp()
        metrics.DELIVERIES.labels(self._receiver.name, metrics.DELIVERED).inc()

    def _is_refused_for_good(self, waiting: Waiting, error: DeliveryRefused) -> bool:
        """Note a refusal; it is for good where the receiver has taken others meanwhile, and for long enough."""
        now_s = self._clock().timestamp()
        refusal = waiting.refusal = waiting.refusal or Refusal(now_s)
        takes_others = self._taken.at_s > refusal.since_s
        if takes_others and now_s - refusal.since_s >= self._receiver.set_aside_after_h * HOUR_S:
            return True
        pause_s = refusal.backoff.next_pause_s(error.retry_after_s)
        refusal.due_s = now_s + pause_s
        log.warning(
            "webhook_refused",
            receiver=self._receiver.name,
            error=str(error),
            key=waiting.key.decode(errors="replace"),
            pause_s=round(pause_s, 1),
        )
        return False

    def _note(self, waiting: Waiting, error: DeliveryFailed, pause_s: float) -> None:
        """Log a failure; no further attempt is made where the event is too old."""
        if self._clock().timestamp() - waiting.published_s >= self._receiver.give_up_after_h * HOUR_S:
            raise _TooOld(str(error)) from error
        if isinstance(error, DeliveryRefused):
            raise error
        log.warning("webhook_failed", receiver=self._receiver.name, error=str(error), pause_s=round(pause_s, 1))

    def _give_up(self, waiting: Waiting, event: Event | None, reason: str, pause: Pause) -> None:
        body = waiting.value if event is None else event.body
        self._set_aside(
            UndeliveredWebhook(
                receiver=self._receiver.name,
                webhook_id=event.webhook_id if event else None,
                given_up_at=self._clock(),
                reason=reason,
                topic=waiting.place.topic,
                partition=waiting.place.partition,
                offset=waiting.place.offset,
                body=body.decode(errors="replace"),
            ),
            pause,
        )
        metrics.DELIVERIES.labels(self._receiver.name, metrics.GIVEN_UP).inc()
        log.error(
            "webhook_given_up", receiver=self._receiver.name, reason=reason, key=waiting.key.decode(errors="replace")
        )
