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
"""Tasks of each worker: one that it does and the next, so that it never waits and memory is bound."""

REACH_S = 20

SENT_MB = 10_000
"""What a task may carry before Dask warns: a fit takes its hours along on purpose, once."""


@contextmanager
def local_cluster(workers: int) -> Iterator[Mapped]:
    """Processes of this machine that only this machine can reach.

    Args:
        workers: processes; each does one fit or window at a time.
    """
    # what it says of itself is no news to a person: what goes wrong is raised
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
    """Another version may compute other forecasts, and the report would not show it."""
    ours = version("dayahead")
    for worker, theirs in client.run(version, "dayahead", on_error="return").items():
        if theirs != ours:
            found = "no Dayahead" if isinstance(theirs, PackageNotFoundError) else f"Dayahead {theirs}"
            raise SettingsError(
                f"worker {worker} of DAYAHEAD_DASK_SCHEDULER {scheduler} has {found}, here it is {ours}: "
                f"install {ours} there"
            )


def _on(client: Client, workers: int) -> Mapped:
    def mapped(task: Callable[[Asked], Given], asked: Iterable[Asked], /) -> Iterator[Given]:
        waiting = iter(asked)

        def submitted(count: int) -> list[object]:
            # not pure: data is sent once only, and hashing it would cost as much as sending it
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": f"{SENT_MB}MB"}):
                return [client.submit(task, one, pure=False) for one in islice(waiting, count)]

        flying = as_completed(submitted(IN_FLIGHT * workers))
        for future in flying:
            result: Given = future.result()
            flying.update(submitted(1))
            yield result

    return mapped
