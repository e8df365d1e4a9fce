"""The process `dayahead webhooks`: a loop a receiver, until it is stopped."""

import ssl
import threading
from contextvars import copy_context

import structlog

from consumers.webhooks.delivery import Delivery, Taken
from consumers.webhooks.posting import Poster
from consumers.webhooks.receiver_loop import ReceiverLoop
from consumers.webhooks.receivers import Receiver, keys_of, load_receivers
from consumers.webhooks.settings import WebhookSettings
from consumers.webhooks.undelivered import UndeliveredTopic
from dayahead.broker_watch import BrokerWatch
from dayahead.errors import SettingsError
from dayahead.hours import Clock
from dayahead.stopping import stop_on_signals
from dayahead.telemetry import Health, TelemetryServer
from dayahead.topics import FORECASTS

log = structlog.get_logger()

LEAVE_S = 5.0
"""How long a stop waits for the loops, beyond the longest timeout of a request, in seconds."""


def poster_of(name: str, settings: WebhookSettings, clock: Clock) -> Poster:
    """Return what posts to a receiver of the file.

    Args:
        name: of the receiver.
        settings: of the process.
        clock: the present moment.

    Raises:
        SettingsError: the file of receivers, or a secret, is wrong, or no receiver has this name.
    """
    receivers = {receiver.name: receiver for receiver in load_receivers(settings.webhook_receivers)}
    if name not in receivers:
        raise SettingsError(
            f"{settings.webhook_receivers} has no receiver {name}: it has {', '.join(sorted(receivers))}"
        )
    return _poster(receivers[name], settings, ssl.create_default_context(), clock)


def _poster(receiver: Receiver, settings: WebhookSettings, tls: ssl.SSLContext, clock: Clock) -> Poster:
    keys = keys_of(receiver, settings.webhook_secrets)
    return Poster(receiver, keys, tls, clock, private=settings.webhook_private_addresses)


class Webhooks:
    """The loops of all receivers."""

    def __init__(self, settings: WebhookSettings, clock: Clock) -> None:
        """Read the receivers; nothing is connected yet.

        Args:
            settings: of the process.
            clock: the present moment.

        Raises:
            SettingsError: the file of receivers, or a secret, is wrong.
        """
        self._settings, self._clock = settings, clock
        self._stop = threading.Event()
        self._undelivered = UndeliveredTopic(settings.kafka_bootstrap, settings.topic_prefix)
        self._tls = ssl.create_default_context()
        self._receivers = load_receivers(settings.webhook_receivers)
        self._loops = [self._loop(receiver) for receiver in self._receivers]
        self._crashes: list[BaseException] = []

    def run(self) -> None:
        """Deliver until SIGTERM or SIGINT; a loop that crashes ends the process, and its supervisor restarts it."""
        stop_on_signals(self._stop, also=self._cancel)
        kafka = BrokerWatch(
            self._settings.kafka_bootstrap, self._settings.topic_prefix + FORECASTS.name, "dayahead-webhooks-watch"
        )
        server = TelemetryServer(
            "webhooks", self._settings.bind_host, self._settings.metrics_port, live=self._live, ready=kafka.health
        )
        threads = [
            threading.Thread(
                target=copy_context().run, args=[self._guarded, loop], name=loop.receiver.name, daemon=True
            )
            for loop in self._loops
        ]
        with server, kafka.thread():
            log.info("started", receivers=len(self._loops), port=server.port)
            for thread in threads:
                thread.start()
            self._stop.wait()
            for thread in threads:
                thread.join(LEAVE_S + max(receiver.timeout_s for receiver in self._receivers))
        log.info("stopped")
        if self._crashes:
            raise self._crashes[0]

    def _loop(self, receiver: Receiver) -> ReceiverLoop:
        posters = [_poster(receiver, self._settings, self._tls, self._clock) for _ in range(receiver.parallel)]
        taken = Taken()
        deliveries = [Delivery(receiver, poster, self._undelivered.add, taken, self._clock) for poster in posters]
        return ReceiverLoop(
            receiver, deliveries, self._settings.kafka_bootstrap, self._settings.topic_prefix, self._clock, self._stop
        )

    def _live(self) -> Health:
        stuck = [loop.receiver.name for loop in self._loops if loop.is_stuck]
        return Health(not stuck, f"{', '.join(stuck)}: no sign of life" if stuck else "every receiver is served")

    def _cancel(self) -> None:
        for loop in self._loops:
            loop.cancel()

    def _guarded(self, loop: ReceiverLoop) -> None:
        try:
            loop.run()
        except BaseException as error:  # noqa: BLE001 - handed to the main thread, which raises it
            self._crashes.append(error)
            self._stop.set()
            self._cancel()
