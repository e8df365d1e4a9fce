import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from api.app import create_app, open_backends
from api.backends import Backends
from api.settings import ApiSettings
from dayahead.hours import Clock
from tests.api.conftest import SampleService, sample_service  # noqa: F401 - a fixture
from tests.api.fakes import NOW
from tests.api.serving import Site

CHROMIUM = os.environ.get("DAYAHEAD_CHROMIUM") or shutil.which("chromium")
# Debian's Chromium asks its maker's servers for this and that unless it is told not to.
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium without a window."""
    if CHROMIUM is None:
        pytest.fail("no Chromium: apt-get install chromium, or set DAYAHEAD_CHROMIUM, or run with -m 'not browser'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def watchers(request: httpx.Request) -> httpx.Response:
    """Prometheus and Alertmanager of a service that is well."""
    if request.url.path == "/api/v2/alerts":
        return httpx.Response(200, json=[])
    value = [{"metric": {"job": "worker", "instance": "127.0.0.1:8111"}, "value": [0, "1"]}]
    return httpx.Response(200, json={"data": {"result": value}})


@contextmanager
def backends_with_watchers(settings: ApiSettings, clock: Clock) -> Iterator[Backends]:
    """The real TimescaleDB and Redis beside watchers in memory."""
    with ExitStack() as stack:
        opened = stack.enter_context(open_backends(settings, clock))
        client = stack.enter_context(httpx.Client(transport=httpx.MockTransport(watchers)))
        yield replace(
            opened,
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
def site(sample_service: SampleService) -> Iterator[Site]:  # noqa: F811
    """The page on the sample."""
    site = site_of(sample_service.settings())
    site.start()
    yield site
    site.stop()


@dataclass
class Visit:
    """A page that a person looks at, and what its browser had to say."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def hear(self) -> None:
        """Keep console errors, script errors and the address of each request."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.errors.append(message.text)

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)

    def text(self, selector: str) -> str:
        """What a person reads in an element."""
        return self.page.locator(selector).inner_text()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a path of a site in a browser context of its own and waits for the chart."""
    contexts = []

    def open_page(site: Site, path: str = "/", wait_for: str = "#chart svg", width: int = 1280, **more: str) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": 900}, **more)
        contexts.append(context)
        visit = Visit(context.new_page())
        visit.hear()
        visit.page.goto(site.url + path)
        visit.page.wait_for_selector(wait_for, timeout=20_000)
        return visit

    yield open_page
    for context in contexts:
        context.close()
