import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.contracts import DriftKind
from dayahead.drift.compared import AFTER_H, BEFORE_H, BeforeAfter, compare, first_hour, measure_of

DAY = 24 * 1000
HOURS = np.arange(DAY - BEFORE_H, DAY + AFTER_H)
SHAPE = 10.0 + np.sin(2 * np.pi * (HOURS % 24) / 24)


def compared(measure: str, values: NDArray[np.float64]) -> BeforeAfter:
    return compare(DriftKind.DATA, measure, DAY + 7, HOURS, values)


def test_a_level_is_compared_in_the_unit_of_the_series() -> None:
    values = np.where(HOURS < DAY, SHAPE, 3 * SHAPE)
    found = compared("level", values)
    assert found.before == pytest.approx(10.0)
    assert found.after == pytest.approx(30.0)
    assert not found.is_share


def test_spread_and_pattern_are_shares() -> None:
    flat = np.where(HOURS < DAY, SHAPE, 10.0 + 0.1 * (SHAPE - 10.0))
    spread = compared("spread", flat)
    assert spread.before is not None
    assert spread.after is not None
    assert spread.after < 0.5 * spread.before
    turned = np.where(HOURS < DAY, SHAPE, 20.0 - SHAPE)
    pattern = compared("pattern", turned)
    assert pattern.is_share
    assert pattern.before == pytest.approx(1.0)
    assert pattern.after is not None
    assert pattern.after < 0.9


def test_errors_are_means_of_what_the_scores_say() -> None:
    errors = np.where(HOURS < DAY, 0.05, 0.2)
    found = compare(DriftKind.CONCEPT, "error", DAY + 23, HOURS, errors)
    assert found.before == pytest.approx(0.05)
    assert found.after == pytest.approx(0.2)


def test_the_days_that_were_tested_belong_to_neither_side() -> None:
    values = np.where(HOURS < DAY - 48, SHAPE, np.where(HOURS < DAY, 1000.0, 2 * SHAPE))
    found = compared("level", values)
    assert found.before == pytest.approx(10.0)
    assert found.after == pytest.approx(20.0)


def test_nothing_known_is_none() -> None:
    assert compare(DriftKind.DATA, "level", DAY, HOURS[:24], np.full(24, np.nan)).before is None
    assert compare(DriftKind.CONCEPT, "error", DAY, HOURS[:0], np.empty(0)).after is None


def test_a_detector_says_what_it_watches() -> None:
    assert measure_of("page-hinkley:level:weather-adjusted") == "level"
    assert measure_of("page-hinkley") == ""
    assert first_hour(DAY + 23) == DAY
