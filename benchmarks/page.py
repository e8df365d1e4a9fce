"""Ten thousand series on the page in Chromium: `make benchmark B=page ARGS='--series 10000'`.

The page of a real API process on TimescaleDB is compared with a plain HTML table of the same rows
(benchmarks/plain_table.html), which has every row in the document and asks for the whole list with ETags: the time to
the first rows, a jump to another place, a sort, the bytes of a poll after one series has changed, and the JavaScript
heap. The page draws everything else of it too: chart, day, accuracy. Prints a table, a sentence and a JSON line.
"""

import json
import os
import signal
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import psycopg
import typer
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from benchmarks.many_series import fill_many
from benchmarks.running_worker import SERVICE, until
from dayahead.hours import wall_clock
from dayahead.storage.migrate import migrate_database
from deploy.local.chromium import ARGUMENTS, CHROMIUM
from deploy.local.ports import free_ports
from deploy.local.stack import LocalStack
from deploy.local.throwaway import throwaway_stack

PLAIN = Path(__file__).with_name("plain_table.html")
SIZE: ViewportSize = {"width": 1440, "height": 900}
LIST = "/v1/series"
PAGE = 5000
"""Series in an answer, as both pages ask for them."""
CHANGE = "UPDATE forecast SET rung = 4 WHERE series_key = %s"
POLL_S = 90
LOOK_MS = 100
SORTS = 7

FIRST_ROWS = """
    new MutationObserver((_, watch) => {
        if (!document.querySelector("#all tbody tr[aria-rowindex]")) return;
        watch.disconnect();
        requestAnimationFrame(() => { globalThis.firstRowsMs = performance.now(); });
    }).observe(document, { childList: true, subtree: true });
"""
JUMPS = """async (jumps) => {
    const box = document.querySelector("#all").closest(".scroll");
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const row = document.querySelector("#all tbody tr[aria-rowindex]").getBoundingClientRect().height;
    const taken = [];
    for (let i = 0; i < jumps; i += 1) {
        const began = performance.now();
        box.scrollTop = (box.scrollHeight - box.clientHeight) * ((i * 0.618) % 1);
        const index = Math.floor(box.scrollTop / row) + 4;
        do await frame(); while (!document.querySelector(`#all tbody tr[aria-rowindex="${index}"]`));
        taken.push(performance.now() - began);
    }
    return taken;
}"""
SORT = """async (key) => {
    const began = performance.now();
    document.querySelector(`#all [data-sort="${key}"]`).click();
    document.querySelector("#all tbody").getBoundingClientRect();
    await new Promise((resolve) => requestAnimationFrame(resolve));
    return performance.now() - began;
}"""


@dataclass
class Watched:
    """A page whose traffic and heap are measured by the DevTools protocol.

    Attributes:
        page: the page.
        paths: path of each request, by its id.
        taken: bytes of each answer, headers included, by its id.
        peak_mb: the largest heap of JavaScript so far, MB.
    """

    page: Page
    paths: dict[str, str] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    peak_mb: float = 0.0

    def __post_init__(self) -> None:
        self._session = self.page.context.new_cdp_session(self.page)
        self._session.on("Network.requestWillBeSent", self._sent)
        self._session.on("Network.loadingFinished", self._finished)
        self._session.send("Network.enable")

    def _sent(self, event: dict[str, Any]) -> None:
        self.paths[event["requestId"]] = urlsplit(event["request"]["url"]).path

    def _finished(self, event: dict[str, Any]) -> None:
        self.taken[event["requestId"]] = int(event["encodedDataLength"])

    def look_at_heap(self) -> None:
        """Note the heap if it is the largest yet."""
        used = self._session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
        self.peak_mb = max(self.peak_mb, used)

    def forget_traffic(self) -> None:
        """Count from 0."""
        self.paths.clear()
        self.taken.clear()

    def list_answers(self) -> list[int]:
        """Bytes of each answer with series that has come."""
        return [size for request, size in self.taken.items() if self.paths.get(request) == LIST]


def main(
    series: Annotated[int, typer.Option(min=300, help="Series")] = 10_000,
    jumps: Annotated[int, typer.Option(min=5, help="Jumps to another place of the table")] = 50,
) -> None:
    """Measure the page and a plain table of the same rows."""
    if CHROMIUM is None:
        raise SystemExit("Chromium is missing: apt-get install chromium-headless-shell")
    load_before = os.getloadavg()[0]
    with throwaway_stack() as stack, sync_playwright() as playwright:
        migrate_database(stack.postgres.owner_url(), stack.passwords.database_app.get_secret_value())
        with psycopg.connect(stack.postgres.owner_url(), autocommit=True) as connection:
            keys = list(fill_many(connection, series, wall_clock()).values())
            connection.execute("VACUUM ANALYZE")
            with api(stack) as url:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                ours = measure(
                    browser, url, "/", series, jumps, lambda: connection.execute(CHANGE, [keys[series // 2]])
                )
                plain = measure(
                    browser, url, "/plain", series, jumps, lambda: connection.execute(CHANGE, [keys[series // 3]])
                )
                browser.close()
    print(f"{series} series:{'':16}{'page':>12}{'plain table':>12}")
    for name, value in ours.items():
        print(f"  {name:28}{value:12,.1f}{plain[name]:12,.1f}")
    print(
        f"A poll after one of {series} series has changed takes {ours['poll_bytes'] / 1e3:.1f} kB on the page,"
        f" {plain['poll_bytes'] / 1e3:.0f} kB with ETags alone; the table is there after"
        f" {ours['first_rows_ms'] / 1e3:.1f} s, a sort takes {ours['sort_ms']:.0f} ms"
        f" (plain table {plain['first_rows_ms'] / 1e3:.1f} s, {plain['sort_ms']:.0f} ms)."
    )
    line = {**ours, **{f"plain_{name}": value for name, value in plain.items()}}
    print(json.dumps({"series": series, "jumps": jumps, **line, "load_before": round(load_before, 1)}))


@contextmanager
def api(stack: LocalStack) -> Iterator[str]:
    """The address of an API process on a stack."""
    [port] = free_ports(1)
    settings = {
        "DAYAHEAD_DATABASE_URL": stack.postgres.app_url(),
        "DAYAHEAD_REDIS_URL": stack.redis.url(0),
        "DAYAHEAD_KAFKA_BOOTSTRAP": stack.kafka.bootstrap,
        "DAYAHEAD_LOG_LEVEL": "error",
    }
    process = subprocess.Popen([str(SERVICE), "api", "--port", str(port)], env={**os.environ, **settings})
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _is_live(url), "the API")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _is_live(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live", trust_env=False).is_success
    except httpx.TransportError:
        return False


def measure(browser: Browser, url: str, path: str, series: int, jumps: int, change: Any) -> dict[str, float]:
    """Measure one page.

    Args:
        browser: the browser.
        url: of the API.
        path: of the page.
        series: of its table.
        jumps: to another place of the table.
        change: changes one series in the database.
    """
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.add_init_script(FIRST_ROWS)
    page.route("**/plain", lambda route: route.fulfill(path=PLAIN, content_type="text/html"))
    watched = Watched(page)
    page.goto(url + path)
    while page.evaluate("globalThis.firstRowsMs === undefined"):
        watched.look_at_heap()
        page.wait_for_timeout(LOOK_MS)
    page.wait_for_load_state("networkidle")
    list_bytes = sum(watched.list_answers())
    found = page.evaluate(JUMPS, jumps)
    watched.look_at_heap()
    sorts = []
    for place in range(SORTS):
        sorts.append(page.evaluate(SORT, ("wape", "series", "state")[place % 3]))
        watched.look_at_heap()
    pages = -(-series // PAGE)
    poll_bytes = poll_after(watched, change, pages, own=path == "/plain")
    figures = {
        "first_rows_ms": page.evaluate("firstRowsMs"),
        "jump_ms": statistics.median(found),
        "jump_p95_ms": sorted(found)[int(0.95 * len(found))],
        "sort_ms": statistics.median(sorts),
        "list_bytes": list_bytes,
        "poll_bytes": poll_bytes,
        "heap_peak_mb": watched.peak_mb,
        "rows_in_document": page.locator("#all tbody tr[aria-rowindex]").count(),
    }
    context.close()
    return {name: round(float(value), 1) for name, value in figures.items()}


def poll_after(watched: Watched, change: Any, pages: int, *, own: bool) -> int:
    """Bytes of the list of series in the first poll after a series has changed.

    Args:
        watched: the page.
        change: changes the series.
        pages: of the list.
        own: whether the page is asked to poll; the real one does by itself.
    """
    if own:
        change()
        watched.forget_traffic()
        watched.page.evaluate("load()")
    else:
        _wait_for_list(watched, pages)  # so that the poll that is counted begins after the change
        change()
        _wait_for_list(watched, pages)
    watched.page.wait_for_load_state("networkidle")
    return sum(watched.list_answers())


def _wait_for_list(watched: Watched, pages: int) -> None:
    """Wait until the list has been asked for once more, and all of its pages have come."""
    watched.forget_traffic()
    for _ in range(POLL_S * 1000 // LOOK_MS):
        watched.page.wait_for_timeout(LOOK_MS)
        watched.look_at_heap()
        if len(watched.list_answers()) >= pages:
            return
    raise TimeoutError(f"the page did not ask for its list within {POLL_S} s")


if __name__ == "__main__":
    typer.run(main)
