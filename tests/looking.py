"""Looking at the page as a person does: in Debian's own Chromium, and hearing what its console has to say."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from deploy.local.chromium import ARGUMENTS, CHROMIUM


class HasUrl(Protocol):
    """Whatever serves the page."""

    url: str


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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium without a window."""
    if CHROMIUM is None:
        pytest.fail(
            "no Chromium: apt-get install chromium-headless-shell, or set DAYAHEAD_CHROMIUM, or -m 'not browser'"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a path of a site in a new browser context and waits for the chart."""
    contexts = []

    def open_page(site: HasUrl, path: str = "/", wait_for: str = "#chart svg", width: int = 1280, **more: Any) -> Visit:
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
