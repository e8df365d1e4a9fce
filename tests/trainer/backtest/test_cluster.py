import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib import metadata

import numpy as np
import pytest
from distributed import LocalCluster

from dayahead.errors import SettingsError
from dayahead.evaluation.backtest import RunResult
from tests.releases import differing_parts
from tests.trainer.backtest.same import differences
from trainer.backtest.cluster import cluster_at, local_cluster
from trainer.backtest.plan import Plan
from trainer.backtest.reader import FileReader
from trainer.backtest.walk import Asked, Backtest, Given, Walk
from trainer.settings import TrainingSettings


def test_windows_in_other_processes_give_what_they_give_in_this_one_bit_for_bit(
    reader: FileReader, plan: Plan, walked: Backtest, quickly: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    with local_cluster(2) as mapped:
        # this process must not forecast: the engine is taken from it, the workers import their own
        monkeypatch.setattr("trainer.backtest.window._forecaster", None)
        monkeypatch.setattr("trainer.backtest.fitting.fit_release", None)

        def recorded(task: Callable[[Asked], Given], items: Iterable[Asked], /) -> Iterator[Given]:
            for result in mapped(task, items):
                if isinstance(result, RunResult):
                    asked.append(int(result.origin[0]))
                yield result

        there = Walk(reader, plan, quickly, mapped=recorded).run()
    assert sorted(asked) == list(walked.origins)
    assert differences(there.result, walked.result) == []


def test_fits_on_the_way_in_other_processes_give_the_same_releases(
    reader: FileReader, plan: Plan, quickly: TrainingSettings
) -> None:
    refitted = replace(plan, refit_h=36)
    here = Walk(reader, refitted, quickly).run()
    with local_cluster(2) as mapped:
        there = Walk(reader, refitted, quickly, mapped=mapped).run()
    assert len(here.releases) > 1
    assert {first: differing_parts(one, here.releases[first]) for first, one in there.releases.items()} == {
        first: [] for first in here.releases
    }
    assert [one.release_id for one in there.releases.values()] == [one.release_id for one in here.releases.values()]
    assert differences(there.result, here.result) == []


def test_the_size_of_a_task_causes_no_warning() -> None:
    hours = [np.ones(2_000_000) for _ in range(2)]
    with local_cluster(1) as mapped, warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(mapped(np.sum, hours)) == [2e6, 2e6]


def dask_cluster(workers: int) -> LocalCluster:
    """An external cluster."""
    return LocalCluster(
        n_workers=workers,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        scheduler_kwargs={"dashboard": False},
    )


def test_windows_run_on_the_scheduler_of_the_settings(
    reader: FileReader, plan: Plan, walked: Backtest, quickly: TrainingSettings
) -> None:
    with (
        dask_cluster(1) as cluster,
        cluster_at(cluster.scheduler_address) as mapped,
    ):
        assert differences(Walk(reader, plan, quickly, mapped=mapped).run().result, walked.result) == []


def test_a_scheduler_that_is_unreachable_or_has_no_workers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.backtest.cluster.REACH_S", 0.5)
    with pytest.raises(SettingsError, match=r"DAYAHEAD_DASK_SCHEDULER tcp://127\.0\.0\.1:1 does not answer"):
        cluster_at("tcp://127.0.0.1:1").__enter__()
    with (
        dask_cluster(0) as cluster,
        pytest.raises(SettingsError, match="has no worker"),
    ):
        cluster_at(cluster.scheduler_address).__enter__()


@pytest.mark.parametrize(
    ("there", "message"), [("0.0.1", r"has Dayahead 0\.0\.1, this process has"), (None, "has no Dayahead")]
)
def test_a_worker_of_another_version_is_refused(
    monkeypatch: pytest.MonkeyPatch, there: str | None, message: str
) -> None:
    here = threading.get_ident()

    def version(name: str) -> str:
        if threading.get_ident() == here:
            return metadata.version(name)
        if there is None:
            raise metadata.PackageNotFoundError(name)
        return there

    monkeypatch.setattr("trainer.backtest.cluster.version", version)
    with dask_cluster(1) as cluster, pytest.raises(SettingsError, match=message):
        cluster_at(cluster.scheduler_address).__enter__()


def test_only_this_machine_reaches_a_local_cluster() -> None:
    def listening() -> set[tuple[str, int]]:
        import psutil

        return {
            (connection.laddr.ip, connection.laddr.port)
            for process in (psutil.Process(os.getpid()), *psutil.Process(os.getpid()).children(recursive=True))
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }

    before = listening()
    with local_cluster(1):
        opened = listening() - before
    assert opened
    assert {address for address, _ in opened} == {"127.0.0.1"}
