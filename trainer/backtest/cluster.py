"""Fits and windows on Dask: a cluster of this machine by default, or the one whose scheduler the settings name."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from itertools import islice

import dask
from distributed import Client, LocalCluster, as_completed

from dayahead.errors import SettingsError
from trainer.backtest.walk import Asked, Given, Mapped

IN_FLIGHT = 2
"""Tasks in flight for each worker: the running one and the next, so that it is never idle and memory is bounded."""

REACH_S = 20

SENT_MB = 10_000
"""Task size above which Dask warns: a fit is sent with its hours on purpose."""


@contextmanager
def local_cluster(workers: int) -> Iterator[Mapped]:
    """Worker processes on this machine, reachable only from it.

    Args:
        workers: processes; each does one fit or window at a time.
    """
    # Dask's own log lines are of no use here: errors are raised
    logging.getLogger("distributed").setLevel(logging.ERROR)
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield _on(client, workers)


@contextmanager
def cluster_at(scheduler: str) -> Iterator[Mapped]:
    """The workers of a Dask scheduler; Dayahead has to be installed there too, in the same version.

    Args:
        scheduler: its address, tcp://host:8786.

    Raises:
        SettingsError: it does not answer, has no worker, or one with another version of Dayahead.
    """
    try:
        client = Client(scheduler, timeout=REACH_S)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"DAYAHEAD_DASK_SCHEDULER {scheduler} does not answer: {error}. Start it, or leave the setting empty for a "
            "cluster of this machine."
        ) from error
    with client:
        workers = sum(client.nthreads().values())
        if not workers:
            raise SettingsError(f"DAYAHEAD_DASK_SCHEDULER {scheduler} has no worker: start `dask worker {scheduler}`")
        _refuse_other_versions(client, scheduler)
        yield _on(client, workers)


def _refuse_other_versions(client: Client, scheduler: str) -> None:
    """Reject workers with another version: their forecasts may differ, and the report would not show it."""
    ours = version("dayahead")
    for worker, theirs in client.run(version, "dayahead", on_error="return").items():
        if theirs != ours:
            found = "no Dayahead" if isinstance(theirs, PackageNotFoundError) else f"Dayahead {theirs}"
            raise SettingsError(
                f"worker {worker} of DAYAHEAD_DASK_SCHEDULER {scheduler} has {found}, this process has {ours}: "
                f"install {ours} there"
            )


def _on(client: Client, workers: int) -> Mapped:
    def mapped(task: Callable[[Asked], Given], asked: Iterable[Asked], /) -> Iterator[Given]:
        waiting = iter(asked)

        def submitted(count: int) -> list[object]:
            # not pure: each argument is sent only once, and hashing it would cost as much as sending it
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": f"{SENT_MB}MB"}):
                return [client.submit(task, one, pure=False) for one in islice(waiting, count)]

        flying = as_completed(submitted(IN_FLIGHT * workers))
        for future in flying:
            result: Given = future.result()
            flying.update(submitted(1))
            yield result

    return mapped
