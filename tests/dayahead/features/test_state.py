"""The state of a series: what machine code makes of a window is what the rules say, read as Python, to the last bit."""

from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dayahead.features.fill import take_observed
from dayahead.features.rest import is_at_rest
from dayahead.features.state import LAG_HOURS, PAST_ORIGINS, SeriesState, clean, describe, scale_window

HOURS = 912


def by_the_rules(values: NDArray[np.float64], *, screened: bool) -> SeriesState:
    """The state as plain Python computes it, a window at a time."""
    count = len(values)
    filled, observed = np.empty((count, HOURS)), np.empty((count, HOURS), np.bool_)
    set_aside, stuck = np.empty((count, HOURS), np.bool_), np.empty((count, HOURS), np.bool_)
    first, scale = np.empty(count, np.int64), np.empty(count)
    past, z = np.empty((count, PAST_ORIGINS + 1)), np.empty((count, LAG_HOURS), np.float32)
    for row in range(count):
        take_observed(values[row], filled[row], observed[row])
        first[row] = clean(filled[row], observed[row], set_aside[row], stuck[row], screened)
        scale[row] = scale_window(filled[row], is_at_rest(values[row]), past[row], z[row])
    return SeriesState(filled, observed, set_aside, stuck, first, scale, past, z)


def assert_same_bits(one: SeriesState, other: SeriesState) -> None:
    for item in fields(SeriesState):
        assert getattr(one, item.name).tobytes() == getattr(other, item.name).tobytes(), item.name


@st.composite
def raw_windows(draw: st.DrawFn) -> NDArray[np.float64]:
    """Consumption with what meters and feeds do to it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    hour = np.arange(HOURS)
    values = 10 ** rng.uniform(-3, 12) * (1.2 + np.sin(hour * np.pi / 12)) * rng.lognormal(0, 0.05, HOURS)
    values *= draw(st.sampled_from([1.0, -1.0, 0.0, 1e-300, 1e290]))
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, HOURS - 1))
        end = begin + draw(st.integers(1, 200))
        harm = draw(st.sampled_from(["hole", "stuck", "spike", "level", "infinite", "young", "rest"]))
        if harm == "hole":
            values[begin:end] = np.nan
        elif harm == "stuck":
            values[begin:end] = values[begin]
        elif harm == "spike":
            values[begin] *= draw(st.sampled_from([50.0, -3.0, 0.0]))
        elif harm == "level":
            values[begin:] *= 9
        elif harm == "rest":
            values[begin:] = 0.0
        elif harm == "infinite":
            values[begin] = np.inf
        else:
            values[:begin] = np.nan
    return values[None, :]


@settings(deadline=None, max_examples=60)
@given(raw_windows(), st.booleans())
def test_machine_code_does_what_the_rules_say(values: NDArray[np.float64], screened: bool) -> None:
    with np.errstate(all="ignore"):
        assert_same_bits(describe(values, screened=screened), by_the_rules(values, screened=screened))


def test_a_window_is_described_the_same_in_any_company() -> None:
    rng = np.random.default_rng(5)
    values = rng.lognormal(5, 0.4, (150, HOURS))
    values[rng.uniform(size=values.shape) < 0.01] = np.nan
    values[rng.uniform(size=values.shape) < 0.004] *= 40
    values[7, 300:312] = 3.0
    together = describe(values, screened=True)
    assert together.set_aside.sum() > 20
    assert together.stuck.any()
    for row in (0, 7, 63, 64, 149):
        assert_same_bits(describe(values[row : row + 1], screened=True), together.take(slice(row, row + 1)))


def test_the_scale_is_the_mean_magnitude_of_the_week_then_and_now() -> None:
    values = np.random.default_rng(6).normal(10, 3, (4, HOURS))
    state = describe(values, screened=False)
    for back in (0, 1, 100, PAST_ORIGINS):
        week = np.abs(values[:, HOURS - 168 - back : HOURS - back]).mean(axis=1)
        np.testing.assert_allclose(state.past_scales[:, back] * state.scale, week, rtol=1e-12)
    np.testing.assert_allclose((state.z + 1.0) * state.scale[:, None], values[:, -LAG_HOURS:], rtol=1e-5, atol=1e-5)
