"""The Faust application that drives the worker, configured to be crash-safe.

Faust decides only which worker reads which partition. TimescaleDB decides at which offset a partition continues. After
any error except an unreachable server the process crashes at once, as if killed: Faust would acknowledge what was in
flight, or keep running without partitions. docs/decisions/ has the reasons.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import faust
import structlog
from faust.types import TP
from mode.supervisors import CrashingSupervisor

from dayahead.dead_letters import carried_headers
from dayahead.errors import DayaheadError, Stopped
from dayahead.stopping import LEAVE_S, end_soon_without, end_within
from dayahead.tracing import spans
from stream.group.faust_parts import NoTables, SeekingTransport, kafka_credentials
from stream.group.inbox import Inbox
from stream.group.liveness import Liveness
from stream.group.restore_queue import RestoreQueue
from stream.ownership.release_watch import ReleaseWatch
from stream.partition import metrics
from stream.servers.log_reader import LogMessage
from stream.servers.server_retry import ServerRetry
from stream.settings import WorkerSettings
from stream.worker import Worker

log = structlog.get_logger()

T = TypeVar("T")

EXIT_BROKEN = 70
BEAT_S = 1.0
FINISH_S = 10.0
"""Timeout for a batch in flight to finish before its partitions are revoked, seconds."""
ORDERLY_S = 30.0
"""Timeout of a clean shutdown with all servers up, seconds."""


class WorkerApp(faust.App):  # type: ignore[misc]
    """The Faust application of one worker process."""

    def __init__(
        self,
        *,
        settings: WorkerSettings,
        topic: str,
        worker: Worker,
        releases: ReleaseWatch,
        liveness: Liveness,
        server_retry: ServerRetry,
    ) -> None:
        super().__init__(
            settings.topic_prefix + settings.worker_group,
            broker=[f"kafka://{address.strip()}" for address in settings.kafka_bootstrap.split(",")],
            broker_credentials=kafka_credentials(),
            autodiscover=False,
            datadir=Path(tempfile.gettempdir()) / "dayahead-faust",
            web_enabled=False,
            store="memory://",
            TableManager=NoTables,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            stream_buffer_maxsize=2 * settings.worker_batch_messages,
            consumer_auto_offset_reset="earliest",
            broker_max_poll_records=settings.worker_batch_messages,
            broker_session_timeout=settings.worker_session_timeout_s,
            broker_heartbeat_interval=settings.worker_session_timeout_s / 5,
            broker_commit_interval=1.0,
            consumer_group_instance_id=settings.worker_instance or None,
            producer_acks=-1,
        )
        self._topic, self._database_url = topic, settings.database_url
        self._worker, self._releases = worker, releases
        self._liveness, self._server_retry = liveness, server_retry
        # one thread at a time works on a partition; claims and maintenance run alone
        self._threads = ThreadPoolExecutor(settings.worker_threads, thread_name_prefix="worker")
        self._worker_threads = settings.worker_threads
        self._slots = asyncio.Semaphore(settings.worker_threads)
        self._turn = asyncio.Lock()
        self._in_flight: set[asyncio.Future[Any]] = set()
        self._restoring = RestoreQueue(
            worker=worker, threads=self._threads, slots=self._slots, is_ours=self._is_ours, end=self._end
        )
        self._taking_over: asyncio.Task[None] | None = None
        self._closing = False
        self._shown: set[int] = set()
        self.on_partitions_revoked.connect(self._finish_in_flight)
        self.on_partitions_assigned.connect(self._drop_if_none)
        self.timer(settings.worker_release_poll_s)(self._run_maintenance)
        self.timer(BEAT_S)(self._beat)
        observations = self.topic(
            topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", internal=False
        )
        self._inbox = Inbox(
            process=self._take_in,
            start=self.add_future,
            limit=settings.worker_batch_messages,
            within_s=settings.worker_batch_within_s,
        )

        # Faust publishes no types
        @self.agent(observations, name="observations", supervisor_strategy=CrashingSupervisor)  # type: ignore[untyped-decorator]
        async def take_in(stream: faust.Stream[bytes]) -> None:
            async for event in stream.noack().events():
                await self._inbox.put(event.message.partition, event)

    def _new_transport(self) -> Any:
        return SeekingTransport(self.conf.broker_consumer, self)

    async def _run_alone(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run work exclusively on a thread of the worker; an error crashes the process."""
        async with self._turn:
            await self._restoring.finish()
            await self._quiet()
            return await self._run(work, *arguments)

    async def _quiet(self) -> None:
        """Wait for work that is still running for cancelled tasks; hold the lock `_turn` for this."""
        while self._in_flight:
            await asyncio.wait(set(self._in_flight))

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run work on a thread of the worker, holding the lock `_turn`; an error crashes the process."""
        loop = asyncio.get_running_loop()
        return await self._outcome(self._begin(loop.run_in_executor(self._threads, work, *arguments)))

    def _begin(self, work: Awaitable[T]) -> "asyncio.Future[T]":
        """Begin work that work running alone waits for; call it holding the lock `_turn`."""
        future = asyncio.ensure_future(work)
        self._in_flight.add(future)
        future.add_done_callback(self._in_flight.discard)
        future.add_done_callback(self._end_if_failed)
        return future

    async def _outcome(self, future: "asyncio.Future[T]") -> T:
        """Wait for work that has begun, which continues where the waiting task is cancelled."""
        try:
            return await asyncio.shield(future)
        except (asyncio.CancelledError, Stopped):
            raise
        except BaseException as error:
            self._end(error)
            raise

    def _end_if_failed(self, future: "asyncio.Future[Any]") -> None:
        """Crash the process if work failed, also where the task that waited for it was cancelled."""
        if not future.cancelled() and (error := future.exception()) and not isinstance(error, Stopped):
            self._end(error)

    @staticmethod
    def _end(error: BaseException) -> None:
        log.critical("worker_ends", error=f"{type(error).__name__}: {error}", exc_info=error)
        os._exit(EXIT_BROKEN)

    async def take_over(self) -> None:
        """Claim the assigned partitions, and seek each to its next offset. Repeated calls wait for the first."""
        if self._taking_over is None or self._taking_over.done():
            self._taking_over = asyncio.ensure_future(self._take_over())
        with suppress(Stopped):
            # Faust times out after a while; the takeover continues and seeks.
            await asyncio.shield(self._taking_over)

    async def _take_over(self) -> None:
        while not self._closing:
            assigned = self._assigned()
            offsets = await self._run_alone(self._worker.claim, [tp.partition for tp in assigned])
            if assigned == self._assigned():
                for tp in assigned:
                    await self.consumer.seek(tp, offsets[tp.partition])
                # in parallel: each partition continues as soon as its state is rebuilt
                self._restoring.begin()
                for _ in range(self._worker_threads):
                    self.add_future(self._restore())
                return

    async def _restore(self) -> None:
        with suppress(Stopped):
            await self._restoring.work()
        await self._run_maintenance()

    def _assigned(self) -> set[TP]:
        return {tp for tp in self.consumer.assignment() if tp.topic == self._topic}

    async def _drop_if_none(self, app: Any, assigned: Iterable[TP], **_: Any) -> None:
        if not assigned:
            await self._run_alone(self._worker.claim, [])

    async def _finish_in_flight(self, app: Any, revoked: Iterable[TP], **_: Any) -> None:
        """Wait for the batch in flight, so that the next owner does not have to fence it."""
        await self._restoring.look_again()
        if self._in_flight:
            await asyncio.wait(set(self._in_flight), timeout=FINISH_S)

    async def _take_in(self, partition: int) -> None:
        """Process the waiting messages of a partition, concurrently with those of others."""
        await self._restoring.until_ready(partition, lambda: not self._is_ours(partition))
        async with self._slots:
            # work that runs alone waits for what has begun, and nothing begins meanwhile
            async with self._turn:
                waiting = self._inbox.take(partition)
                if not waiting or not self._is_ours(partition):
                    return
                work = self._begin(self._process(partition, waiting))
            with suppress(Stopped):
                await self._outcome(work)

    async def _process(self, partition: int, waiting: Sequence[Any]) -> None:
        messages = [_log_message(event.message) for event in waiting]
        loop = asyncio.get_running_loop()
        progress = await loop.run_in_executor(self._threads, self._worker.process, partition, messages)
        for event in waiting:
            if event.message.offset < progress.next_offset:
                event.ack()
        if progress.seek_to is not None and TP(self._topic, partition) in self._assigned():
            log.warning("partition_reread", partition=partition, offset=progress.seek_to)
            await self.consumer.seek(TP(self._topic, partition), progress.seek_to)

    async def _run_maintenance(self) -> None:
        if not self._is_between_owners() and not self._restoring.is_busy:
            with suppress(Stopped):
                await self._run_alone(self._worker.run_maintenance)

    def _is_between_owners(self) -> bool:
        """Check whether partitions may already belong to another worker: then no new work starts."""
        return self._closing or bool(self.rebalancing)

    def _is_ours(self, partition: int) -> bool:
        return not self._is_between_owners() and TP(self._topic, partition) in self._assigned()

    async def _beat(self) -> None:
        assigned = {tp.partition: tp for tp in self._assigned()}
        offsets = {
            partition: held.next_offset for partition, held in self._worker.held.items() if partition in assigned
        }
        lags = {}
        for partition, offset in offsets.items():
            end = self.consumer.highwater(assigned[partition])
            lags[partition] = max(0, end - offset) if end is not None else 0
        for partition in self._shown - lags.keys():
            metrics.LAG.remove(str(partition))
            metrics.NEXT_OFFSET.remove(str(partition))
        for partition, lag in lags.items():
            metrics.LAG.labels(str(partition)).set(lag)
            metrics.NEXT_OFFSET.labels(str(partition)).set(offsets[partition])
        self._shown = set(lags)
        ready = not self.rebalancing and all(self._worker.is_ready(partition) for partition in assigned)
        self._liveness.beat(offsets, lags, ready=ready, trouble=self._trouble())

    def _trouble(self) -> str | None:
        troubles = [trouble for trouble in (self._releases.trouble, self._worker.redis_trouble) if trouble]
        return "; ".join(troubles) or None

    async def stop(self) -> None:
        """Shut down cleanly: finish the batch in flight, then leave the group."""
        if not self._closing:
            self._closing = True
            end_within(ORDERLY_S)
            end_soon_without(self._database_url)
            self._server_retry.stopping.set()
            await self._restoring.look_again()
            await self._restoring.finish(FINISH_S)
            if self._in_flight:
                await asyncio.wait(set(self._in_flight), timeout=FINISH_S)
            await self._prepare_shutdown()
            # our work is done: leaving the group only makes the rebalance start sooner
            end_within(LEAVE_S)
        await super().stop()

    async def _prepare_shutdown(self) -> None:
        """Record progress and copy windows for the next owner, while this process still holds the partitions."""
        try:
            # under the lock: maintenance may be waiting for it
            async with asyncio.timeout(FINISH_S), self._turn:
                if all(future.done() for future in self._in_flight) and not self._restoring.is_busy:
                    await asyncio.get_running_loop().run_in_executor(self._threads, self._worker.prepare_shutdown)
        except (TimeoutError, DayaheadError) as error:
            log.warning("shutdown_not_prepared", error=str(error))

    def leave(self) -> None:
        """Wait for the threads and close the connections, after Faust has stopped."""
        self._server_retry.stopping.set()
        self._threads.shutdown(wait=True)
        self._worker.close()


def _log_message(message: Any) -> LogMessage:
    """Convert a message of Faust: its timestamp is in seconds, set by the broker (topics.OBSERVATIONS)."""
    received_us = None if message.timestamp is None else round(message.timestamp * 1000) * 1000
    headers = message.headers or ()
    carried = carried_headers(message.key, headers)
    return LogMessage(message.offset, message.value, received_us, carried, spans.trace_headers(headers))
