"""Late, missing, broken, new and ending series through the worker: the right rung, and the reasons for it."""

import math

import numpy as np
import orjson
import psycopg
import pytest
from prometheus_client import REGISTRY

from dayahead.contracts import Rung
from dayahead.hours import from_hour
from dayahead.models.serving.release import Release
from dayahead.storage.tables.observation import read_observations
from stream.servers.log_reader import LogMessage
from tests.dayahead.conftest import consumption
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import SOURCE, START, batch, eventful_log, in_log, series_of
from tests.stream.ownership.test_releases import crown, record_of

pytestmark = pytest.mark.servers

HOURS = 930
NAMES = ("sound", "gap", "stuck", "outlier", "two_weeks", "four_days", "one_hour", "stopped", "broken_lately")
IDS = dict(zip(NAMES, series_of(0, len(NAMES)), strict=True))


def hours_of_everyone() -> np.ndarray:
    values = np.round(consumption(len(NAMES), HOURS), 3)
    series = dict(zip(NAMES, values, strict=True))
    series["gap"][-60:-50] = math.nan
    series["stuck"][-8:] = series["stuck"][-9]
    series["outlier"][-70] *= 1000
    series["two_weeks"][:-336] = math.nan
    series["four_days"][:-96] = math.nan
    series["one_hour"][:-1] = math.nan
    series["stopped"][-100:] = math.nan
    series["broken_lately"][-130:-1] = math.nan
    return values


def rows_of(values: np.ndarray, first: int, end: int) -> list[tuple[str, int, object]]:
    rows = zip(IDS.values(), values, strict=True)
    return [
        (series_id, START + hour, float(row[hour]))
        for series_id, row in rows
        for hour in range(first, end)
        if math.isfinite(row[hour])
    ]


class Feed:
    """A worker and the log that it reads."""

    def __init__(self, room: WorkerRoom) -> None:
        self.room, self.worker, self.sent = room, room.worker(), 0
        self.worker.assign([0])

    def give(self, rows: list[tuple[str, int, object]], available: int, *, refresh: bool = True) -> None:
        message = batch(rows, available, refresh=refresh)
        self.room.send(0, [message])
        self.worker.process(0, [LogMessage(self.sent, message)])
        self.sent += 1

    def served(self) -> dict[str, dict[str, object]]:
        """The newest forecast of each series by name, as Redis serves it."""
        mirrored = self.room.redis()
        return {name: orjson.loads(mirrored[series_id]) for name, series_id in IDS.items() if series_id in mirrored}


def feed_history(room: WorkerRoom, release: Release) -> Feed:
    crown(room, release.release_id, record_of(release), release.to_bytes())
    feed, values = Feed(room), hours_of_everyone()
    for first in range(0, HOURS - 1, 50):
        end = min(first + 50, HOURS - 1)
        # "stopped" ends in the history: its last forecast is asked for there
        feed.give(rows_of(values, first, end), START + end, refresh=first <= HOURS - 101 < end)
    feed.give(rows_of(values, HOURS - 1, HOURS), START + HOURS)
    return feed


def test_every_kind_of_input_has_its_rung_and_its_reasons(room: WorkerRoom, small_release: Release) -> None:
    feed = feed_history(room, small_release)
    found = {name: (one["rung"], one["reasons"]) for name, one in feed.served().items()}
    assert found == {
        "sound": (Rung.FULL, []),
        "gap": (Rung.DEGRADED_INPUT, ["gap"]),
        "stuck": (Rung.DEGRADED_INPUT, ["stuck_meter"]),
        "outlier": (Rung.DEGRADED_INPUT, ["outlier"]),
        "two_weeks": (Rung.DEGRADED_INPUT, ["short_history"]),
        "four_days": (Rung.PROFILE, ["short_history"]),
        "one_hour": (Rung.NONE, ["short_history"]),
        "stopped": (Rung.FULL, []),
        "broken_lately": (Rung.PROFILE, ["gap"]),
    }
    served = feed.served()
    assert served["one_hour"]["leads"] == 0
    assert served["one_hour"]["p50"] == []
    assert {len(one["p50"]) for name, one in served.items() if name != "one_hour"} == {SOURCE.leads}  # type: ignore[arg-type]
    # the series that stopped is distinguished from the others, and its forecast keeps the hour that it was made from
    assert served["stopped"]["origin"] < served["sound"]["origin"]  # type: ignore[operator]
    feed.worker.show()
    assert REGISTRY.get_sample_value("dayahead_series", {"state": "stale"}) == 1
    assert REGISTRY.get_sample_value("dayahead_series", {"state": "fresh"}) == len(NAMES) - 1


def test_a_late_hour_closes_its_gap_and_a_repaired_value_takes_its_reason_away(
    room: WorkerRoom, small_release: Release
) -> None:
    feed = feed_history(room, small_release)
    before = feed.served()
    whole = dict(zip(NAMES, np.round(consumption(len(NAMES), HOURS), 3), strict=True))
    late: list[tuple[str, int, object]] = [
        (IDS["gap"], START + hour, float(whole["gap"][hour])) for hour in range(HOURS - 60, HOURS - 50)
    ]
    feed.give(late[:-1], START + HOURS + 1)
    assert feed.served()["gap"]["reasons"] == ["gap"]
    repaired = (IDS["outlier"], START + HOURS - 70, float(whole["outlier"][HOURS - 70]))
    feed.give([late[-1], repaired], START + HOURS + 2)
    after = feed.served()
    for name in ("gap", "outlier"):
        assert after[name]["origin"] == before[name]["origin"]
        assert after[name]["p50"] != before[name]["p50"]
    assert (after["gap"]["reasons"], after["gap"]["rung"]) == ([], Rung.FULL)
    # no other series changed, not even the moment of issue
    assert {name for name in NAMES if after[name] != before[name]} == {"gap", "outlier"}


def test_a_revised_actual_scores_its_forecasts_again_and_counts_them_once(room: WorkerRoom) -> None:
    feed, one = Feed(room), IDS["sound"]
    for hour in range(80):
        feed.give([(one, START + hour, 100.0 + hour % 24)], START + hour + 1)
    counted = sampled_scores()
    before = {row[1]: row for row in room.tables()["score"]}
    assert len(before) == 80 - 23 - 24
    revised = 60
    feed.give([(one, START + revised, 200.0)], START + 81)
    after = {row[1]: row for row in room.tables()["score"]}
    changed = {int(origin.timestamp() // 3600) - START for origin in before if after[origin] != before[origin]}
    # all that were for this hour and have matured, and the naive of a day later next to their forecasts
    assert changed == set(range(revised - 24, 80 - 24))
    assert after.keys() == before.keys()
    assert sampled_scores() == counted
    key = feed.worker.held[0].state.keys
    with psycopg.connect(room.database_url, options="-c timezone=UTC") as connection:
        for moment, value in ((START + 80, 100.0 + revised % 24), (START + 81, 200.0)):
            known = read_observations(connection, key, START + revised, START + revised + 1, as_of=from_hour(moment))
            assert known.values.tolist() == [[value]]
        unknown = read_observations(connection, key, START + revised, START + revised + 1, as_of=from_hour(START + 60))
        assert np.isnan(unknown.values).all()


def sampled_scores() -> float:
    """Matured forecasts that were counted, of all areas and releases."""
    return sum(
        sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "dayahead_scored_forecasts_total"
    )


def test_a_log_that_is_delivered_twice_leaves_the_same_tables(room: WorkerRoom) -> None:
    log = eventful_log(0)
    room.send(0, [*log, *log])
    worker = room.worker(worker_batch_rows=30)
    worker.assign([0])
    worker.process(0, in_log(log))
    once, sent = room.tables(), room.newest_messages()
    issued = room.query("SELECT series_key, origin, issued_at FROM forecast ORDER BY 1, 2")
    # by the broker: the same offsets once more; by the producer: the same messages at later offsets
    letters = room.end_of("observations.dead-letter", 0)
    assert worker.process(0, in_log(log[:10])).next_offset == len(log)
    assert room.offsets()[0] == len(log)
    assert room.end_of("observations.dead-letter", 0) == letters
    worker.process(0, in_log(log, len(log)))
    assert room.offsets()[0] == 2 * len(log)
    assert room.tables() == once
    assert room.query("SELECT series_key, origin, issued_at FROM forecast ORDER BY 1, 2") == issued
    assert room.newest_messages() == sent == room.redis()
