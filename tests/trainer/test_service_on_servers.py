import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import httpx
import psycopg
import pytest
from confluent_kafka import Producer
from kafka import KafkaConsumer, KafkaProducer

from dayahead.contracts import ReleaseAnnouncement, RetuneRequest, message_bytes
from dayahead.errors import BrokerUnavailable
from dayahead.hours import from_hour
from dayahead.storage.database import connect
from dayahead.storage.tables.model_report import load_page, newest_weekly
from dayahead.storage.tables.promotion import promote, roll_back
from dayahead.storage.tables.retune_request import waiting_requests
from dayahead.storage.tables.tuning_run import Outcome, TuningRun, finish_run, recent_runs, start_run
from tests.conftest import TopicRoom
from tests.trainer.conftest import QUICK, FakeClock
from tests.trainer.filling import Sample, fill, issue
from tests.waiting import wait_until
from trainer.lock import training_lock
from trainer.messages import Announcer, RequestReader
from trainer.reports.service import Reports
from trainer.result import TrainingResult
from trainer.service import Trainer
from trainer.settings import TrainerSettings, TrainingSettings, load_training_settings
from trainer.train import OnStep, Training

pytestmark = pytest.mark.servers

DEADLINE_S = 120


class Room:
    """A trainer in a thread, with a clock that the test moves, and what the outside sees of it."""

    def __init__(self, database_url: str, topics: TopicRoom, clock: FakeClock, training: TrainingSettings) -> None:
        self.settings = TrainerSettings(
            database_url=database_url,
            kafka_bootstrap=topics.bootstrap,
            topic_prefix=topics.prefix,
            look_every_s=0.2,
            _env_file=None,
        )
        self.database_url, self.topics, self.clock, self.training = database_url, topics, clock, training
        self.stop = threading.Event()
        self.requests = RequestReader(topics.bootstrap, topics.prefix)
        self.announcer = Announcer(topics.bootstrap, topics.prefix)
        self.trainer = Trainer(
            settings=self.settings,
            training=training,
            train=self._train,
            requests=self.requests,
            announcements=self.announcer,
            reports=Reports(self.settings.database_url, training, clock, self.stop),
            clock=clock,
            stop=self.stop,
        )
        self._thread = threading.Thread(target=self.trainer.run)
        self.fails: Callable[[], bool] = lambda: False

    def _train(self, connection: psycopg.Connection, by: str, reason: str, on_step: OnStep) -> TrainingResult:
        if self.fails():
            finish_run(connection, start_run(connection, by, reason, self.clock()), Outcome.FAILED, self.clock())
            connection.commit()
            raise RuntimeError("the test lets it fail")
        return Training(connection, self.training, self.clock, on_step=on_step).run(by, reason)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.stop.set()
        if self._thread.is_alive():
            self._thread.join(DEADLINE_S)
        self.requests.close()
        self.announcer.close()
        assert not self._thread.is_alive()

    def runs(self) -> list[TuningRun]:
        with connect(self.database_url) as connection:
            return recent_runs(connection)

    def wait_for_outcomes(self, *outcomes: Outcome) -> list[TuningRun]:
        """Wait until the log holds these outcomes, oldest first."""

        def reached() -> list[TuningRun]:
            runs = self.runs()[::-1]
            return runs if [run.outcome for run in runs] == list(outcomes) else []

        return wait_until(reached, DEADLINE_S, f"the log of trainings to be {list(outcomes)}")

    def ask(self, *values: bytes) -> None:
        producer = KafkaProducer(bootstrap_servers=self.topics.bootstrap, acks="all")
        for value in values:
            producer.send(self.topics.name("retune-requests"), value).get(timeout=30)
        producer.close()

    def request(self, by: str = "MapeCritical") -> bytes:
        return message_bytes(RetuneRequest(requested_at=self.clock(), requested_by=by, reason="WAPE is high"))

    def announced(self, count: int) -> list[tuple[bytes, ReleaseAnnouncement]]:
        consumer = KafkaConsumer(
            self.topics.name("model-releases"), bootstrap_servers=self.topics.bootstrap, auto_offset_reset="earliest"
        )
        found: list[tuple[bytes, ReleaseAnnouncement]] = []

        def read() -> bool:
            for records in consumer.poll(timeout_ms=200).values():
                found.extend((r.key, ReleaseAnnouncement.model_validate_json(r.value)) for r in records)
            return len(found) >= count

        try:
            wait_until(read, DEADLINE_S, f"{count} announcements")
        finally:
            consumer.close()
        return found


@pytest.fixture
def training() -> TrainingSettings:
    return load_training_settings(
        None, [*QUICK, "schedule.settle_s=0", "schedule.cool_down_h=2", "schedule.budget_per_day=1"], {}
    )


@pytest.fixture
def room(
    database_url: str, topics: TopicRoom, clock: FakeClock, training: TrainingSettings
) -> Iterator[Callable[[], Room]]:
    topics.create()
    rooms: list[Room] = []

    def make() -> Room:
        rooms.append(Room(database_url, topics, clock, training))
        rooms[-1].start()
        return rooms[-1]

    yield make
    for made in rooms:
        made.end()


@contextmanager
def held_lock(database_url: str) -> Iterator[None]:
    with connect(database_url, autocommit=True) as connection, training_lock(connection) as held:
        assert held
        yield


def test_the_first_training_waits_for_history_then_promotes_and_announces(
    room: Callable[[], Room], database_url: str, sample: Sample
) -> None:
    trainer = room()
    wait_until(lambda: "no source has an hour yet" in trainer.trainer.ready().reason, DEADLINE_S, "the first look")
    fill(database_url, sample.part(0, 300))
    wait_until(lambda: "has 300 of 384 hours" in trainer.trainer.ready().reason, DEADLINE_S, "the second look")
    assert not trainer.trainer.ready().ok
    assert trainer.trainer.live().ok

    fill(database_url, sample.part(300, 823))
    (run,) = trainer.wait_for_outcomes(Outcome.PROMOTED)
    assert run.requested_by == "start"
    (key, announcement) = trainer.announced(1)[0]
    assert key == b"champion"
    assert (announcement.release, announcement.previous) == (run.release, None)
    wait_until(lambda: trainer.trainer.ready().ok, DEADLINE_S, "the trainer to be ready")
    assert f"{run.release} serves" in trainer.trainer.ready().reason


def test_a_request_right_after_the_first_training_is_honoured_and_later_ones_wait_for_cool_down_and_budget(
    room: Callable[[], Room], database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample)
    trainer = room()
    trainer.wait_for_outcomes(Outcome.PROMOTED)

    trainer.ask(b"not a request", trainer.request())
    retune = trainer.wait_for_outcomes(Outcome.PROMOTED, Outcome.UNCHANGED)[-1]
    assert (retune.requested_by, retune.reason) == ("MapeCritical", "WAPE is high")

    trainer.ask(trainer.request("api"), trainer.request("anna"))
    wait_until(lambda: "2 requests wait" in trainer.trainer.ready().reason, DEADLINE_S, "both requests to wait")
    assert "the next may start 2 h later" in trainer.trainer.ready().reason
    clock.pass_hours(3)
    wait_until(lambda: "the budget is 1 a day" in trainer.trainer.ready().reason, DEADLINE_S, "the budget to be named")
    clock.pass_hours(20)  # the first retune is not a day old: the schedule would be due an hour later
    assert len(trainer.runs()) == 2
    clock.pass_hours(1.1)
    answered = trainer.wait_for_outcomes(Outcome.PROMOTED, Outcome.UNCHANGED, Outcome.UNCHANGED)[-1]
    assert (answered.requested_by, answered.reason) == ("api", "WAPE is high (and 1 more, of anna)")
    with connect(database_url) as connection:
        assert waiting_requests(connection) == []


def test_a_request_is_listed_while_a_training_runs(room: Callable[[], Room], database_url: str, sample: Sample) -> None:
    trainer = room()
    trained = threading.Event()
    trainer.fails = lambda: not trained.wait(DEADLINE_S)
    fill(database_url, sample)
    wait_until(lambda: "trains since" in trainer.trainer.ready().reason, DEADLINE_S, "the training to run")
    trainer.ask(trainer.request("anna"))

    def listed() -> list[str]:
        with connect(database_url) as connection:
            return [request.requested_by for request in waiting_requests(connection)]

    try:
        wait_until(lambda: listed() == ["anna"], DEADLINE_S, "the request to be listed")
        assert trainer.trainer.live().reason.startswith("trains since")
    finally:
        trained.set()
    retune = trainer.wait_for_outcomes(Outcome.PROMOTED, Outcome.UNCHANGED)[-1]
    assert retune.requested_by == "anna"


def test_a_request_that_waits_survives_a_restart_and_one_that_was_honoured_does_not_come_again(
    room: Callable[[], Room], database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample)
    first = room()
    first.wait_for_outcomes(Outcome.PROMOTED)
    first.ask(first.request("one"))
    first.wait_for_outcomes(Outcome.PROMOTED, Outcome.UNCHANGED)
    first.ask(first.request("two"))
    wait_until(lambda: "1 request waits" in first.trainer.ready().reason, DEADLINE_S, "the request to wait")
    first.end()

    second = room()
    wait_until(lambda: "1 request waits" in second.trainer.ready().reason, DEADLINE_S, "the request to wait still")
    clock.pass_hours(24.1)
    runs = second.wait_for_outcomes(Outcome.PROMOTED, Outcome.UNCHANGED, Outcome.UNCHANGED)
    assert [run.requested_by for run in runs] == ["start", "one", "two"]


def test_a_request_that_came_while_no_trainer_ran_is_done_before_the_training_of_the_schedule(
    room: Callable[[], Room], database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample)
    first = room()
    first.wait_for_outcomes(Outcome.PROMOTED)
    first.end()
    first.ask(first.request("api"))
    clock.pass_hours(25)
    runs = room().wait_for_outcomes(Outcome.PROMOTED, Outcome.UNCHANGED)
    assert [run.requested_by for run in runs] == ["start", "api"]


def test_a_request_whose_training_fails_is_kept_and_tried_again(
    room: Callable[[], Room], database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample)
    trainer = room()
    trainer.wait_for_outcomes(Outcome.PROMOTED)
    failing = threading.Event()
    failing.set()
    trainer.fails = failing.is_set
    trainer.ask(trainer.request("api"))
    trainer.wait_for_outcomes(Outcome.PROMOTED, Outcome.FAILED)
    wait_until(lambda: "the last retune failed" in trainer.trainer.ready().reason, DEADLINE_S, "the pause to be named")
    failing.clear()
    clock.pass_hours(24.1)
    runs = trainer.wait_for_outcomes(Outcome.PROMOTED, Outcome.FAILED, Outcome.UNCHANGED)
    assert [run.requested_by for run in runs] == ["start", "api", "api"]


def test_the_schedule_trains_again_a_day_later(
    room: Callable[[], Room], database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample)
    trainer = room()
    trainer.wait_for_outcomes(Outcome.PROMOTED)
    clock.pass_hours(24)
    assert trainer.wait_for_outcomes(Outcome.PROMOTED, Outcome.UNCHANGED)[-1].requested_by == "schedule"


def test_a_week_after_the_first_release_the_service_reports_on_the_one_that_serves(
    room: Callable[[], Room], database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample)
    trainer = room()
    [first] = trainer.wait_for_outcomes(Outcome.PROMOTED)
    assert first.release is not None
    issue(database_url, sample, first.release, sample.hours - 7 * 24)
    clock.pass_hours(7 * 24 + 1)
    with connect(database_url, autocommit=True) as connection:
        report = wait_until(lambda: newest_weekly(connection), DEADLINE_S, "the report of the week")
        assert report.release == first.release
        assert report.summary is not None, report.failure
        assert report.summary["quality"]["wape"] == pytest.approx(0.1, abs=1e-3)
        assert load_page(connection, report.report)


def test_while_one_trainer_trains_another_one_waits(
    room: Callable[[], Room], database_url: str, sample: Sample
) -> None:
    fill(database_url, sample)
    with held_lock(database_url):
        trainer = room()
        wait_until(
            lambda: "waits for another trainer" in trainer.trainer.ready().reason, DEADLINE_S, "the trainer to wait"
        )
        assert trainer.runs() == []
    trainer.wait_for_outcomes(Outcome.PROMOTED)


def is_ready(room: Room) -> bool:
    """Whether the trainer of a room is ready."""
    return room.trainer.ready().ok


def test_of_two_trainers_one_does_the_first_training(
    room: Callable[[], Room], database_url: str, sample: Sample
) -> None:
    fill(database_url, sample)
    trainers = [room(), room()]
    for trainer in trainers:
        wait_until(partial(is_ready, trainer), DEADLINE_S, "both trainers to be ready")
    trainers[0].wait_for_outcomes(Outcome.PROMOTED)


def test_a_run_that_a_killed_trainer_left_behind_is_closed_and_done_again(
    room: Callable[[], Room], database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample)
    with connect(database_url) as connection:
        start_run(connection, "start", "left behind", clock())
    runs = room().wait_for_outcomes(Outcome.INTERRUPTED, Outcome.PROMOTED)
    assert runs[0].finished_at is not None


def test_a_manual_promotion_or_rollback_is_announced_too(
    room: Callable[[], Room], database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample)
    trainer = room()
    (run,) = trainer.wait_for_outcomes(Outcome.PROMOTED)
    trainer.announced(1)
    other = Training(connect(database_url), load_training_settings(None, [*QUICK, "seed=2"], {}), clock, promote=False)
    saved = other.run("command", "another")
    with connect(database_url) as connection:
        promote(connection, saved.release, "api", "a person wants it", clock())
    trainer.announced(2)
    with connect(database_url) as connection:
        roll_back(connection, "it was worse", clock())
    announced = [announcement for _, announcement in trainer.announced(3)]
    assert [a.release for a in announced] == [run.release, saved.release, run.release]
    assert [a.promoted_by for a in announced] == ["trainer", "api", "rollback"]


def test_the_trainer_trains_while_the_broker_is_down_and_announces_later(
    database_url: str, topics: TopicRoom, sample: Sample, clock: FakeClock, training: TrainingSettings
) -> None:
    topics.create()
    fill(database_url, sample)
    room = Room(database_url, topics, clock, training)
    away = threading.Event()
    away.set()
    announce = room.announcer.announce

    def refuse_while_away(announcement: ReleaseAnnouncement) -> None:
        if away.is_set():
            raise BrokerUnavailable("Kafka does not answer")
        announce(announcement)

    room.announcer.announce = refuse_while_away  # type: ignore[method-assign]
    room.start()
    try:
        room.wait_for_outcomes(Outcome.PROMOTED)
        wait_until(lambda: "waits for a server" in room.trainer.ready().reason, DEADLINE_S, "the broker to be missed")
        away.clear()
        assert len(room.announced(1)) == 1
    finally:
        room.end()


def test_the_process_answers_about_its_health_while_it_waits_and_ends_at_sigterm(
    database_url: str, topics: TopicRoom
) -> None:
    topics.create()
    environment = os.environ | {
        "DAYAHEAD_DATABASE_URL": database_url,
        "DAYAHEAD_KAFKA_BOOTSTRAP": topics.bootstrap,
        "DAYAHEAD_TOPIC_PREFIX": topics.prefix,
        "DAYAHEAD_METRICS_PORT": "0",
        "DAYAHEAD_LOG_LEVEL": "info",
    }
    command = [
        sys.executable,
        "-c",
        "import sys; from dayahead.cli import main; sys.argv = ['dayahead', 'trainer']; main()",
    ]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "trainer_started" in line)
            port = int(line.partition('"port":')[2].split(",")[0].rstrip("}\n"))
            ready = wait_until(
                lambda: _waits_for_observations(port), DEADLINE_S, "the trainer to say what it waits for"
            )
            assert ready.status_code == 503
            assert httpx.get(f"http://127.0.0.1:{port}/health/live").status_code == 200
            metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
            assert "dayahead_champion_timestamp_seconds 0.0" in metrics
        finally:
            process.send_signal(signal.SIGTERM)
            rest = process.stderr.read()
        assert process.wait(DEADLINE_S) == 0
    assert "trainer_stopped" in rest


def _waits_for_observations(port: int) -> httpx.Response | None:
    answer = httpx.get(f"http://127.0.0.1:{port}/health/ready")
    return answer if "no source has an hour yet" in answer.text else None


def test_requests_that_cannot_be_read_are_stepped_over(topics: TopicRoom) -> None:
    topics.create()
    good = message_bytes(RetuneRequest(requested_at=from_hour(465_000), requested_by="anna", reason="a new factory"))
    poison: list[tuple[bytes | None, str]] = [
        (None, "none"),
        (b"", "none"),
        (b"\xff\xfe{", "none"),
        (b'{"' + b"x" * 2_000_000 + b'": 1}', "none"),
        (b"[" * 100_000, "none"),
        (bytes(8_000_000), "none"),
        *[(bytes(100_000_000), codec) for codec in ("lz4", "gzip", "snappy", "zstd")],
    ]
    for value, codec in [*poison, (good, "lz4"), (good, "zstd")]:
        producer = Producer(
            {"bootstrap.servers": topics.bootstrap, "compression.type": codec, "message.max.bytes": 200_000_000}
        )
        producer.produce(topics.name("retune-requests"), value=value)
        assert producer.flush(60) == 0
    reader = RequestReader(topics.bootstrap, topics.prefix)
    received = []

    def read() -> bool:
        if (request := reader.next(1)) is not None:
            received.append(request)
            reader.done(request)
        return len(received) == len(poison) + 2

    try:
        wait_until(read, DEADLINE_S, "all requests")
    finally:
        reader.close()
    assert [one.offset for one in received] == list(range(len(poison) + 2))
    assert [one.request is None for one in received] == [True] * len(poison) + [False] * 2
    assert all(one.fault and len(one.fault) <= 500 for one in received[: len(poison)])
