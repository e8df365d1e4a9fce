import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import httpx
import pytest

from api.app import create_app, open_backends
from api.backends import Backends
from api.letters import Letter
from api.settings import ApiSettings
from dayahead.dead_letter_box import KeptLetter
from dayahead.hours import Clock
from tests.api.conftest import SampleService, sample_service  # noqa: F401 - a fixture
from tests.api.fakes import NOW, HeldLetters
from tests.api.serving import Site
from tests.conftest import TopicRoom

WITH_LETTERS = "with-letters."
LONG = ": its name was sent with a version and a region in it, which is more than the table has room for" * 2
LETTERS = [
    Letter(
        number,
        NOW,
        KeptLetter(
            number,
            NOW,
            b"{}",
            {
                "code": "unknown_source",
                "reason": f"no source <b>{number}</b> is registered" + LONG * (number == 5),
                "time": "2023-01-25T11:00:00Z",
            },
            {},
            None,
        ).fields(),
    )
    for number in (7, 6, 5)
]


def watchers(request: httpx.Request) -> httpx.Response:
    """Prometheus and Alertmanager of a service that is well."""
    if request.url.path == "/api/v2/alerts":
        return httpx.Response(200, json=[])
    value = [{"metric": {"job": "worker", "instance": "127.0.0.1:8111"}, "value": [0, "1"]}]
    return httpx.Response(200, json={"data": {"result": value}})


@contextmanager
def backends_with_watchers(settings: ApiSettings, clock: Clock) -> Iterator[Backends]:
    """The real TimescaleDB and Redis, with watchers and dead letters in memory."""
    with ExitStack() as stack:
        opened = stack.enter_context(open_backends(settings, clock))
        client = stack.enter_context(httpx.Client(transport=httpx.MockTransport(watchers)))
        yield replace(
            opened,
            letters=HeldLetters(LETTERS if settings.topic_prefix == WITH_LETTERS else []),
            prometheus=replace(opened.prometheus, client=client),
            alertmanager=replace(opened.alertmanager, client=client),
        )


def site_of(settings: ApiSettings) -> Site:
    """The page over HTTP on a free port."""
    return Site(lambda: create_app(settings, lambda: NOW, backends_with_watchers))


@pytest.fixture
def serve() -> Iterator[Callable[[ApiSettings], Site]]:
    """Starts sites that end with the test."""
    sites: list[Site] = []

    def start(settings: ApiSettings) -> Site:
        sites.append(site_of(settings))
        sites[-1].start()
        return sites[-1]

    yield start
    for site in sites:
        site.stop()


@pytest.fixture(scope="session")
def site(sample_service: SampleService, kafka_bootstrap: str) -> Iterator[Site]:  # noqa: F811
    """The page on the sample."""
    room = TopicRoom(kafka_bootstrap, f"page-{os.getpid()}-{secrets.token_hex(3)}.")
    room.create()
    site = site_of(sample_service.settings(kafka_bootstrap=room.bootstrap, topic_prefix=room.prefix))
    site.start()
    yield site
    site.stop()
