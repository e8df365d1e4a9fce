"""Rows of requests where Kafka is away."""

import threading
from datetime import UTC, datetime

import pytest

from api import sending
from api.sending import KafkaRows
from dayahead import publisher
from dayahead.publisher import Publication
from dayahead.reading.records import Row
from deploy.local.ports import free_ports
from tests.waiting import wait_until

ROWS = Publication(datetime(2023, 1, 25, tzinfo=UTC), [Row("north/households", 465_000, 1.0)])


def test_where_no_broker_answers_rows_are_not_acknowledged_and_no_request_waits_for_the_one_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher, "METADATA_TIMEOUT_MS", 2_000)
    monkeypatch.setattr(sending, "TURN_S", 0.01)
    rows = KafkaRows(f"127.0.0.1:{free_ports(1)[0]}", "")
    answers: list[bool] = []
    first = threading.Thread(target=lambda: answers.append(rows.send(ROWS, "own-grid", True)))
    first.start()
    wait_until(rows._turn.locked, 10, "the first request to have its turn")
    assert rows.send(ROWS, "own-grid", True) is False
    assert answers == []
    first.join()
    assert answers == [False]
    rows.close()
