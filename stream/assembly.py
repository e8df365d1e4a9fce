"""Builds a worker from its settings."""

import os
import socket
import threading
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack

import faust
import structlog

from dayahead.broker_watch import BrokerWatch
from dayahead.hours import Clock
from dayahead.models.serving.blas import stay_on_one_thread
from dayahead.repeating import RepeatingThread
from dayahead.telemetry import TelemetryServer
from dayahead.topics import DAY_AHEAD, DRIFT, FORECASTS, OBSERVATIONS
from dayahead.tracing.starting import traced
from stream.allocation import share_arenas
from stream.audit.auditor import Auditor
from stream.audit.log_reading import LaterMessages, SentForecasts
from stream.audit.rounds import AWAY as AUDIT_AWAY
from stream.audit.rounds import audit_round, show_outcomes
from stream.commit.committing import Committer
from stream.commit.limit_losses import LossKeeper
from stream.commit.partition_quality import QualityKeeper
from stream.commit.publish import Publisher
from stream.commit.redis_following import RedisFollower
from stream.commit.redis_mirror import RedisMirror
from stream.drift.rounds import AWAY as DRIFT_AWAY
from stream.drift.rounds import DriftRounds, Rounds
from stream.gates.gate_keeping import GateKeeper
from stream.group.faust_app import WorkerApp
from stream.group.liveness import Liveness
from stream.intake.intake import Intake
from stream.intake.refusals import RefusalWriter
from stream.ownership.release_watch import ReleaseWatch
from stream.ownership.restorer import Restorer
from stream.ownership.takeover import Takeover
from stream.ownership.window_copy import WindowCopies
from stream.ownership.window_keeping import WindowKeeper
from stream.servers.connection import Database
from stream.servers.kafka_output import KafkaOutput
from stream.servers.log_reader import Log
from stream.servers.probe import NoProbe, Probe
from stream.servers.server_retry import ServerRetry
from stream.settings import WorkerSettings
from stream.worker import Worker

log = structlog.get_logger()

REDIS_LOOK_S = 1.0


def build_worker(
    settings: WorkerSettings, clock: Clock, server_retry: ServerRetry, probe: Probe
) -> tuple[Worker, ReleaseWatch]:
    """Build the worker without Faust, as tests use it.

    Raises:
        StorageError: TimescaleDB cannot be used, or the topic is not there.
    """
    topic = settings.topic_prefix + OBSERVATIONS.name
    database = Database(settings.database_url, server_retry)
    kafka_log = Log(settings.kafka_bootstrap, server_retry)
    output = KafkaOutput(settings.kafka_bootstrap, server_retry)
    mirror = RedisMirror(settings.redis_url)
    follower = RedisFollower(database, mirror)
    publisher = Publisher(follower, output, settings.topic_prefix + FORECASTS.name)
    committer = Committer(database, publisher, clock, probe)
    releases = ReleaseWatch(database)
    copies = WindowCopies(settings.redis_url, lambda: mirror.is_away)
    partitions = kafka_log.partitions(topic)
    name = f"{socket.gethostname()}:{os.getpid()}"
    takeover = Takeover(
        topic=topic,
        worker=name,
        database=database,
        kafka_log=kafka_log,
        committer=committer,
        follower=follower,
        restorer=Restorer(database, kafka_log, copies),
        clock=clock,
        partitions=partitions,
        accept_lost=settings.worker_accept_lost_messages,
    )
    worker = Worker(
        database=database,
        kafka_log=kafka_log,
        takeover=takeover,
        committer=committer,
        refusals=RefusalWriter(output, kafka_log, settings.topic_prefix),
        intake=Intake(partitions),
        releases=releases,
        keeper=WindowKeeper(database, copies, settings.worker_copy_windows_every_s),
        quality=QualityKeeper(database, clock, time.monotonic),
        losses=LossKeeper(database),
        gates=GateKeeper(database, output, settings.topic_prefix + DAY_AHEAD.name, clock, probe),
        follower=follower,
        clock=clock,
        probe=probe,
        batch_rows=settings.worker_batch_rows,
        fresh_within_s=settings.fresh_within_s,
        threads=settings.worker_threads,
    )
    return worker, releases


def build_auditor(settings: WorkerSettings) -> Auditor:
    """Build an auditor of what the workers of these settings serve, with separate connections."""
    return Auditor(
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        topic=settings.topic_prefix + OBSERVATIONS.name,
        later=LaterMessages(settings.kafka_bootstrap),
        sent=SentForecasts(settings.kafka_bootstrap, settings.topic_prefix + FORECASTS.name),
    )


def build_drift_watch(
    settings: WorkerSettings, held: Callable[[], Collection[int]], clock: Clock, ended: threading.Event
) -> Rounds:
    """Build a drift watch of the series in the held partitions, with separate connections."""
    from stream.drift.publishing import DriftTopic  # noqa: PLC0415 - river takes seconds to import
    from stream.drift.watch import DriftWatch  # noqa: PLC0415

    topic = DriftTopic(settings.kafka_bootstrap, settings.topic_prefix + DRIFT.name)
    return DriftWatch(database_url=settings.database_url, topic=topic, held=held, clock=clock, ended=ended)


def background_threads(settings: WorkerSettings, worker: Worker, kafka: BrokerWatch, clock: Clock) -> ExitStack:
    """Start the background threads of a worker; leaving the context stops them."""
    auditor, ended = build_auditor(settings), threading.Event()
    if settings.worker_audit_every_s:
        show_outcomes()
    drift = DriftRounds(lambda: build_drift_watch(settings, lambda: worker.held, clock, ended))
    threads = (
        RepeatingThread("redis_watch", worker.look_at_redis, REDIS_LOOK_S),
        kafka.thread(),
        RepeatingThread(
            "audit",
            lambda: audit_round(auditor, settings.worker_audit_series),
            settings.worker_audit_every_s,
            expected=AUDIT_AWAY,
            close=auditor.close,
        ),
        RepeatingThread("drift", drift.round, settings.worker_drift_every_s, expected=DRIFT_AWAY, ended=ended),
    )
    with ExitStack() as stack:
        for thread in threads:
            stack.enter_context(thread)
        return stack.pop_all()


def run_worker(settings: WorkerSettings, clock: Clock, probe: Probe | None = None) -> None:
    """Run a worker until it is asked to stop; does not return.

    Raises:
        SystemExit: with 0 after a signal, with another code after an error.
        StorageError: TimescaleDB cannot be used, or the topic is not there.
        SettingsError: the port of the metrics is in use, or traces are configured and OpenTelemetry is missing.
    """
    stay_on_one_thread()
    share_arenas()
    server_retry = ServerRetry()
    worker, releases = build_worker(settings, clock, server_retry, probe or NoProbe())
    topic = settings.topic_prefix + OBSERVATIONS.name
    kafka = BrokerWatch(settings.kafka_bootstrap, topic, "dayahead-worker-watch")
    liveness = Liveness(settings.worker_stalled_after_s, time.monotonic, lambda: server_retry.awaited or kafka.awaited)
    app = WorkerApp(
        settings=settings,
        topic=topic,
        worker=worker,
        releases=releases,
        liveness=liveness,
        server_retry=server_retry,
    )
    with (
        traced("worker"),
        TelemetryServer("worker", settings.bind_host, settings.metrics_port, liveness.live, liveness.ready) as server,
        background_threads(settings, worker, kafka, clock),
    ):
        log.info("worker_started", metrics_port=server.port, group=app.conf.id)
        try:
            faust.Worker(
                app, quiet=True, loglevel="WARNING", override_logging=False, redirect_stdouts=False
            ).execute_from_commandline()
        finally:
            app.leave()
