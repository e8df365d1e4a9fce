"""The forecasts that a batch has at hand to be scored."""

import numpy as np

from dayahead.contracts import Rung
from dayahead.horizon import DAY_LEADS
from dayahead.storage.tables.forecast import ForecastRows
from stream.compute.scoring import ForecastsAtHand


def forecasts(keys: list[int], origins: list[int], level: float, rung: Rung = Rung.FULL) -> ForecastRows:
    count = len(keys)
    quantiles = np.full((count, DAY_LEADS), level, np.float32)
    return ForecastRows(
        series_key=np.array(keys),
        origin=np.array(origins),
        issued_us=np.zeros(count, np.int64),
        release=np.full(count, None, object),
        rung=np.full(count, rung, np.int8),
        reasons=np.zeros(count, np.int32),
        floor_days=np.zeros(count, np.int32),
        message_offset=np.zeros(count, np.int64),
        leads=np.full(count, 0 if rung is Rung.NONE else DAY_LEADS, np.int16),
        p50=quantiles,
        p10=quantiles,
        p90=quantiles,
    )


def found(at_hand: ForecastsAtHand, keys: list[int], origins: list[int]) -> dict[tuple[int, int], float]:
    asked, rows = at_hand.find(1, np.array(keys), np.array(origins))
    pairs = [(keys[place], origins[place]) for place in asked.tolist()]
    assert pairs == list(zip(rows.series_key.tolist(), rows.origin.tolist(), strict=True))
    return dict(zip(pairs, rows.p50[:, :1].ravel().tolist(), strict=True))


def test_each_pair_of_series_and_origin_is_found_whatever_their_order() -> None:
    at_hand = ForecastsAtHand({1: forecasts([7, 3, 3, 5], [10, 11, 10, 12], 1.0)})
    wanted = [(3, 10), (5, 12), (3, 12), (7, 10), (8, 10), (3, 11), (2, 9)]
    keys, origins = (list(part) for part in zip(*wanted, strict=True))
    assert found(at_hand, keys, origins) == dict.fromkeys([(3, 10), (5, 12), (7, 10), (3, 11)], 1.0)


def test_a_forecast_made_within_the_batch_replaces_the_one_that_was_read() -> None:
    at_hand = ForecastsAtHand({1: forecasts([3, 4], [10, 10], 1.0)})
    at_hand.add(forecasts([3, 3], [10, 11], 2.0))
    assert found(at_hand, [4, 3, 3], [10, 10, 11]) == {(4, 10): 1.0, (3, 10): 2.0, (3, 11): 2.0}


def test_a_forecast_without_values_is_not_scored_not_even_by_an_older_one() -> None:
    at_hand = ForecastsAtHand({1: forecasts([3, 4], [10, 10], 1.0)})
    at_hand.add(forecasts([3], [10], np.nan, Rung.NONE))
    assert found(at_hand, [3, 4], [10, 10]) == {(4, 10): 1.0}


def test_nothing_at_hand_finds_nothing() -> None:
    assert found(ForecastsAtHand({1: ForecastRows.joined([])}), [3], [10]) == {}
