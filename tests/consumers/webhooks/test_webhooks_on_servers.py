"""`dayahead webhooks` on real Kafka, with real receivers."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from confluent_kafka import KafkaException, TopicPartition

from consumers.webhooks.receiver_loop import GROUP, MESSAGES_AT_ONCE, MOST_REFUSED
from dayahead.contracts import UndeliveredWebhook
from dayahead.kafka_clients import open_consumer
from deploy.local.ports import free_ports
from deploy.local.services import DAYAHEAD
from tests.conftest import TopicRoom
from tests.consumers import receiving
from tests.consumers.messages import day_ahead, send, send_forecasts
from tests.consumers.receiving import Answer, Received
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

SERIES = [f"DK{area}/{number}" for area in (1, 2) for number in range(5)]


@dataclass
class Process:
    """A running `dayahead webhooks`."""

    process: subprocess.Popen[bytes]
    port: int

    def metric(self, name: str, receiver: str, outcome: str = "") -> float:
        """The value of a sample; -1 where it is not there."""
        labels = ([f'outcome="{outcome}"'] if outcome else []) + [f'receiver="{receiver}"']
        wanted = f"{name}{{{','.join(labels)}}} "
        lines = httpx.get(f"http://127.0.0.1:{self.port}/metrics").text.splitlines()
        return next((float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted)), -1.0)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@dataclass
class Room:
    """Where a test starts the process."""

    topics: TopicRoom
    folder: Path
    resources: ExitStack

    def receiver(self) -> receiving.Receiver:
        return self.resources.enter_context(receiving.receiver())

    def start(self, **receivers: Mapping[str, Any]) -> Process:
        """Start it, and wait until each receiver has its partitions."""
        file = self.folder / "webhooks.yaml"
        entries = [{"name": name, "secrets": ["test"], **fields} for name, fields in receivers.items()]
        file.write_text(yaml.safe_dump({"receivers": entries}))
        (port,) = free_ports(1)
        environment = self.environment | {"DAYAHEAD_METRICS_PORT": str(port)}
        log = (self.folder / "log").open("ab")
        process = subprocess.Popen([DAYAHEAD, "webhooks"], cwd=self.folder, env=environment, stdout=log, stderr=log)
        self.resources.callback(process.wait)
        self.resources.callback(process.kill)
        for name in receivers:
            wait_until(lambda name=name: self.has_positions(name), 60, f"{name} to have its positions")  # type: ignore[misc]
        return Process(process, port)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DAYAHEAD_KAFKA_BOOTSTRAP": self.topics.bootstrap,
            "DAYAHEAD_TOPIC_PREFIX": self.topics.prefix,
            "DAYAHEAD_WEBHOOK_SECRETS__TEST": receiving.SECRET,
            "DAYAHEAD_WEBHOOK_PRIVATE_ADDRESSES": "true",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command in the same place."""
        command = [str(DAYAHEAD), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def committed(self, name: str, topic: str = "forecasts") -> list[int]:
        """Offsets that the group of a receiver has committed, of the two partitions."""
        group = self.topics.prefix + GROUP + name
        consumer = open_consumer(self.topics.bootstrap, "test", group, {})
        try:
            places = [TopicPartition(self.topics.name(topic), number) for number in range(2)]
            return [one.offset for one in consumer.committed(places, timeout=10)]
        finally:
            consumer.close()

    def has_positions(self, name: str) -> bool:
        try:
            return min(self.committed(name)) >= 0
        except KafkaException:  # a broker that was just started looks for its coordinator
            return False

    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def room(topics: TopicRoom, tmp_path: Path) -> Iterator[Room]:
    topics.create(2)
    with ExitStack() as resources:
        yield Room(topics, tmp_path, resources)


def once_then(first: Answer, then: Answer) -> Callable[[Received], Answer]:
    """The first answer to each event, then another one."""
    seen: set[str] = set()

    def answer(received: Received) -> Answer:
        new = received.webhook_id not in seen
        seen.add(received.webhook_id)
        return first if new else then

    return answer


def test_a_receiver_gets_each_new_forecast_of_its_series_once_and_goes_on_after_a_restart(room: Room) -> None:
    send_forecasts(room.topics, *SERIES, hour=0)
    other = room.receiver()
    process = room.start(one={"url": other.url, "series": ["DK1/*"]})
    send_forecasts(room.topics, *SERIES)
    wait_until(lambda: len(other.received) >= 5, 30, "five webhooks")
    assert sorted(other.series()) == [series for series in SERIES if series.startswith("DK1")]
    assert {one.event["data"]["origin"] for one in other.received} == {"2023-01-24T01:00:00Z"}
    wait_until(lambda: sum(room.committed("one")) == 20, 30, "the offsets to be committed")
    assert process.metric("dayahead_webhook_deliveries_total", receiver="one", outcome="delivered") == 5
    assert process.metric("dayahead_webhook_undelivered_since_timestamp_seconds", receiver="one") == 0
    assert process.end() == 0
    send_forecasts(room.topics, "DK1/0", hour=2)
    room.start(one={"url": other.url, "series": ["DK1/*"]})
    send_forecasts(room.topics, "DK1/0", hour=3)
    wait_until(lambda: len(other.received) >= 7, 30, "what was sent meanwhile, and after it")
    assert [one.event["data"]["origin"][11:13] for one in other.received[5:]] == ["02", "03"]
    assert not other.failures


def test_a_new_receiver_may_begin_with_the_newest_of_each_series_and_with_days(room: Room) -> None:
    send_forecasts(room.topics, *SERIES)
    send(room.topics, [day_ahead("DK1/1")], keys=["DK1/1|2023-01-25|11:00"], topic="day-ahead")
    other = room.receiver()
    events = ["forecast.issued", "day_ahead.published"]
    room.start(one={"url": other.url, "start": "newest", "events": events, "format": "hours"})
    wait_until(lambda: len(other.received) >= 11, 30, "everything that the topics hold")
    (day,) = [one.event for one in other.received if one.event["type"] == "day_ahead.published"]
    assert day["data"]["hours"][0]["valid_time"] == "2023-01-24T23:00:00Z"


def test_a_receiver_that_hangs_or_is_dead_holds_up_no_other(room: Room) -> None:
    quick, hanging = room.receiver(), room.receiver()
    never = threading.Event()
    room.resources.callback(never.set)
    hanging.answer = lambda _: Answer(after=never)
    (nothing,) = free_ports(1)
    process = room.start(
        quick={"url": quick.url},
        hanging={"url": hanging.url, "timeout_s": 30},
        dead={"url": f"http://127.0.0.1:{nothing}/"},
    )
    send_forecasts(room.topics, *SERIES)
    wait_until(lambda: len(quick.received) >= 10, 20, "ten webhooks at the quick receiver")
    wait_until(lambda: hanging.received, 20, "a request to the hanging receiver")
    assert set(room.committed("hanging")) == set(room.committed("dead")) == {0}
    wait_until(
        lambda: process.metric("dayahead_webhook_deliveries_total", receiver="dead", outcome="failed") >= 1,
        20,
        "a failure",
    )
    assert process.metric("dayahead_webhook_undelivered_since_timestamp_seconds", receiver="dead") > 1_600_000_000
    never.set()
    assert process.end() == 0


def test_a_failed_delivery_is_repeated_with_the_same_id_after_the_time_that_the_receiver_asked_for(room: Room) -> None:
    other = room.receiver()
    moments: list[int] = []
    wanted = once_then(Answer(503, {"Retry-After": "2"}), Answer())

    def answer(received: Received) -> Answer:
        moments.append(int(received.headers["webhook-timestamp"]))
        return wanted(received)

    other.answer = answer
    process = room.start(one={"url": other.url})
    send_forecasts(room.topics, "DK1/1")
    wait_until(lambda: len(other.received) >= 2, 30, "the second attempt")
    assert len(set(other.ids)) == 1
    assert moments[1] - moments[0] >= 2
    assert other.received[0].headers["webhook-signature"] != other.received[1].headers["webhook-signature"]
    outcomes = {
        outcome: process.metric("dayahead_webhook_deliveries_total", receiver="one", outcome=outcome)
        for outcome in ("failed", "given_up")
    }
    assert outcomes == {"failed": 1, "given_up": 0}


def test_what_was_not_taken_when_the_process_was_killed_is_delivered_by_the_next_with_the_same_id(room: Room) -> None:
    other = room.receiver()
    held = threading.Event()
    other.answer = lambda _: Answer(after=held)
    process = room.start(one={"url": other.url, "parallel": 1})
    send_forecasts(room.topics, "DK1/1")
    wait_until(lambda: other.received, 30, "the first attempt")
    process.end(signal.SIGKILL)
    held.set()
    other.answer = lambda _: Answer()
    room.start(one={"url": other.url, "parallel": 1})
    wait_until(lambda: len(other.received) >= 2, 60, "the second delivery")
    assert len(set(other.ids)) == 1


def test_a_receiver_that_is_gone_is_sent_nothing_more_and_nothing_is_lost(room: Room) -> None:
    gone, other = room.receiver(), room.receiver()
    gone.answer = lambda _: Answer(410)
    process = room.start(gone={"url": gone.url, "parallel": 1}, other={"url": other.url})
    send_forecasts(room.topics, "DK1/1")
    wait_until(lambda: process.metric("dayahead_webhook_enabled", receiver="gone") == 0, 30, "it to be disabled")
    send_forecasts(room.topics, "DK1/2")
    wait_until(lambda: len(other.received) >= 2, 30, "the other receiver to get both")
    assert len(gone.received) == 1
    assert process.metric("dayahead_webhook_undelivered_since_timestamp_seconds", receiver="gone") > 1_600_000_000
    assert process.metric("dayahead_webhook_enabled", receiver="other") == 1
    assert process.end() == 0
    gone.answer = lambda _: Answer()
    room.start(gone={"url": gone.url}, other={"url": other.url})
    wait_until(lambda: len(gone.received) >= 3, 30, "both, after a restart")
    assert sorted(gone.series()[1:]) == ["DK1/1", "DK1/2"]


def test_an_event_that_is_too_old_is_set_aside_and_the_next_one_is_delivered(room: Room) -> None:
    other = room.receiver()
    other.answer = lambda received: Answer(500 if received.event["data"]["series_id"] == "DK1/1" else 204)
    process = room.start(one={"url": other.url, "give_up_after_h": 1e-6, "parallel": 1})
    send_forecasts(room.topics, "DK1/1", "DK1/1", "DK1/2")
    send(room.topics, [b"no json"], keys=["DK1/3"])
    wait_until(lambda: "DK1/2" in other.series(), 30, "the next event")
    undelivered = read_undelivered(room, 3)
    assert {one.receiver for one in undelivered} == {"one"}
    (foreign,) = [one.reason for one in undelivered if one.webhook_id is None]
    assert foreign.startswith("the message is not a forecast")
    assert {one.webhook_id for one in undelivered} - {None} <= set(other.ids)
    assert any("answered 500" in one.reason for one in undelivered)
    wait_until(lambda: sum(room.committed("one")) == 4, 30, "all to be committed")
    assert process.metric("dayahead_webhook_deliveries_total", receiver="one", outcome="given_up") == 3


def refusing(*series: str) -> Callable[[Received], Answer]:
    return lambda received: Answer(422 if received.event["data"]["series_id"] in series else 204)


def origins(one: receiving.Receiver, series_id: str) -> list[str]:
    """Hours of the origins of a series as a receiver got them."""
    return [got.event["data"]["origin"][11:13] for got in one.received if got.event["data"]["series_id"] == series_id]


def test_an_event_that_is_refused_holds_up_only_its_series_and_nothing_is_lost(room: Room) -> None:
    other = room.receiver()
    other.answer = refusing("DK1/1")
    process = room.start(one={"url": other.url, "parallel": 1})
    send_forecasts(room.topics, "DK1/1", "DK1/2", hour=1)
    send_forecasts(room.topics, "DK1/1", "DK1/2", hour=2)
    wait_until(lambda: origins(other, "DK1/2") == ["01", "02"], 30, "the events of the other series")
    send_forecasts(room.topics, "DK1/3", hour=3)  # of a later round
    wait_until(lambda: origins(other, "DK1/3") == ["03"], 30, "an event that was sent afterwards")
    assert set(origins(other, "DK1/1")) == {"01"}, "the later event of the series waits"
    assert "webhook_refused" in room.log()
    assert process.metric("dayahead_webhook_undelivered_since_timestamp_seconds", receiver="one") > 1_600_000_000
    assert process.end(signal.SIGKILL) != 0
    other.received.clear()
    other.answer = lambda _: Answer()
    room.start(one={"url": other.url, "parallel": 1})
    wait_until(lambda: origins(other, "DK1/1") == ["01", "02"], 60, "both events of the series, in their order")
    wait_until(lambda: sum(room.committed("one")) == 5, 30, "all to be committed")


def test_an_event_that_is_refused_while_others_are_taken_is_set_aside_and_sent_again_by_a_command(room: Room) -> None:
    other = room.receiver()
    other.answer = refusing("DK1/1")
    process = room.start(one={"url": other.url, "set_aside_after_h": 1e-6, "parallel": 1})
    send_forecasts(room.topics, "DK1/1", hour=1)
    wait_until(lambda: len(other.received) >= 3, 60, "three attempts")
    send_forecasts(room.topics, "DK1/2", hour=2)
    (kept,) = read_undelivered(room, 1)
    assert "answered 422, while it took other events" in kept.reason
    assert process.metric("dayahead_webhook_deliveries_total", receiver="one", outcome="given_up") == 1
    wait_until(lambda: sum(room.committed("one")) == 2, 30, "both to be committed")
    listed = room.run("undelivered", "list", "--receiver", "one").stdout
    assert listed.split("\t")[2:4] == ["one", "DK1/1"]
    refused = room.run("undelivered", "send", "one")
    assert (refused.returncode, refused.stdout.strip()) == (1, "one took 0 of 1 webhooks")
    assert "answered 422" in refused.stderr
    other.answer = lambda _: Answer()
    sent = room.run("undelivered", "send", "one", listed.partition("\t")[0])
    assert (sent.returncode, sent.stdout.strip()) == (0, "one took 1 of 1 webhooks")
    assert other.ids[-1] == other.ids[0] == kept.webhook_id
    assert not other.failures
    none = room.run("undelivered", "send", "one", "999")
    assert (none.returncode, none.stdout.strip()) == (1, "one took 0 of 0 webhooks")
    assert "999: no webhook for one is kept there" in none.stderr
    assert "has no receiver two: it has one" in room.run("undelivered", "send", "two").stderr


def test_a_receiver_that_refuses_everything_loses_nothing(room: Room) -> None:
    other = room.receiver()
    other.answer = lambda _: Answer(401)
    process = room.start(one={"url": other.url, "set_aside_after_h": 1e-6, "parallel": 1})
    send_forecasts(room.topics, *SERIES)
    wait_until(lambda: max(map(other.ids.count, other.ids), default=0) >= 3, 60, "three attempts of one")
    assert process.metric("dayahead_webhook_deliveries_total", receiver="one", outcome="given_up") == 0
    assert room.committed("one") == [0, 0]
    other.answer = lambda _: Answer()
    wait_until(lambda: sum(room.committed("one")) == len(SERIES), 60, "all to be taken")


def test_of_a_receiver_that_refuses_everything_only_so_many_events_are_held_and_another_process_takes_over(
    room: Room,
) -> None:
    other = room.receiver()
    other.answer = lambda _: Answer(401)
    many = [f"DK1/{number}" for number in range(MOST_REFUSED + 2 * MESSAGES_AT_ONCE)]
    first = room.start(one={"url": other.url})
    send_forecasts(room.topics, *many)
    wait_until(lambda: len(set(other.ids)) >= MOST_REFUSED, 60, "many refusals")
    wait_until(lambda: max(map(other.ids.count, set(other.ids))) >= 4, 60, "four attempts of one")
    assert len(set(other.ids)) <= MOST_REFUSED + MESSAGES_AT_ONCE, "the others are not read"
    room.start(one={"url": other.url})
    wait_until(lambda: room.log().count("webhooks_assigned") >= 3, 60, "the partitions to be shared")
    other.answer = lambda _: Answer()
    other.received.clear()
    wait_until(lambda: sum(room.committed("one")) == len(many), 120, "all to be taken")
    assert set(other.series()) == set(many)
    assert first.end() == 0


def read_undelivered(room: Room, count: int) -> list[UndeliveredWebhook]:
    consumer = open_consumer(room.topics.bootstrap, "test", "test", {"auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(room.topics.name("webhooks.undelivered"), 0, 0)])
    found: list[UndeliveredWebhook] = []

    def read() -> bool:
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            found.append(UndeliveredWebhook.model_validate_json(message.value()))
        return len(found) >= count

    try:
        wait_until(read, 30, f"{count} undelivered webhooks")
    finally:
        consumer.close()
    return found


def test_two_processes_share_the_partitions_and_together_deliver_everything(room: Room) -> None:
    other = room.receiver()
    first = room.start(one={"url": other.url})
    send_forecasts(room.topics, *SERIES, hour=1)
    room.start(one={"url": other.url})
    wait_until(lambda: room.log().count("webhooks_assigned") >= 3, 60, "the partitions to be shared")
    send_forecasts(room.topics, *SERIES, hour=2)
    wait_until(lambda: len(set(other.ids)) >= 20, 60, "every event")
    assert first.end() == 0
    send_forecasts(room.topics, *SERIES, hour=3)
    wait_until(lambda: len(set(other.ids)) >= 30, 60, "every event, after one process ended")
