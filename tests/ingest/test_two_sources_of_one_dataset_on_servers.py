"""Two source files of one dataset, polled by two processes: the publisher allows one request a minute for both."""

from contextlib import ExitStack

import pytest
from pydantic import HttpUrl, SecretStr

from dayahead.errors import SourceUnavailable, Stopped
from dayahead.reading.reader import Reader
from ingest.running import make_budgets, make_reader
from ingest.settings import IngestSettings
from tests.dayahead.reading.kinds.conformance.loopback import serving
from tests.dayahead.reading.kinds.conformance.stand_in import Response
from tests.ingest.building import FIRST, make_source

pytestmark = pytest.mark.servers

EMPTY = Response('{"total": 0, "dataset": "Test", "records": []}')


class Process:
    """What one `dayahead ingest` has; instead of waiting it is stopped."""

    def __init__(self, address: str, redis_url: str, resources: ExitStack) -> None:
        self.pauses: list[float] = []
        self._settings = IngestSettings(redis_url=SecretStr(redis_url), source_url=HttpUrl(address))
        self._budgets, self._resources = make_budgets(self._settings), resources

    def reader(self, name: str, dataset: str = "Test") -> Reader:
        source = make_source(name=name, dataset=dataset, filters={"Area": [name]})
        return make_reader(source, self._settings, self._pause, self._resources, self._budgets)

    def _pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return True


@pytest.mark.parametrize("processes", [1, 2])
def test_the_second_source_waits_for_its_turn(processes: int, redis_url: str) -> None:
    with serving(lambda _: EMPTY) as (address, server), ExitStack() as resources:
        first = Process(address, redis_url, resources)
        second = Process(address, redis_url, resources) if processes == 2 else first
        first.reader("dk1").read(FIRST, None)
        with pytest.raises(Stopped):
            second.reader("dk2").read(FIRST, None)
        assert 0 < second.pauses[0] <= 60
        second.reader("dk2", dataset="Other").read(FIRST, None)
    assert [request.path for request in server.requests] == ["/dataset/Test", "/dataset/Other"]


def test_a_429_holds_for_the_other_process_too(redis_url: str) -> None:
    with serving(lambda _: Response("", 429, {"Retry-After": "1800"})) as (address, server), ExitStack() as resources:
        first, second = (Process(address, redis_url, resources) for _ in range(2))
        for process in (first, second):
            with pytest.raises(SourceUnavailable) as caught:
                process.reader("dk1").read(FIRST, None)
            assert caught.value.retry_after_s == pytest.approx(1800, abs=60)
        assert len(server.requests) == 1
