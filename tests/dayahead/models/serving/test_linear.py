import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.features.linear import anchor, linear_feature_names, linear_features, origin_context
from dayahead.features.state import describe
from dayahead.models.serving.linear import DAY_ORIGINS, WEEK_ORIGINS, LinearMember

DENMARK = Calendar("Europe/Copenhagen", "DK")
SPRING = 467_425  # 2023-04-29T01Z: the past origins lie on both sides of a holiday and a week's end


def history(hours: int, rows: int = 5) -> NDArray[np.float64]:
    rng = np.random.default_rng(3)
    return 10.0 ** rng.uniform(0, 6, (rows, 1)) * rng.lognormal(0, 0.3, (rows, hours))


def member(*, annual: bool) -> LinearMember:
    rng = np.random.default_rng(4)
    width = len(linear_feature_names(annual=annual))
    return LinearMember(rng.normal(0, 0.02, (24, width, 24)).astype(np.float32), annual=annual)


def direct(model: LinearMember, values: NDArray[np.float64], origin: int) -> NDArray[np.float64]:
    """The member's forecast in the unit of the series, feature by feature."""
    state = describe(values, screened=False)
    context = origin_context(DENMARK, np.full(len(values), origin))
    features = linear_features(state.z, context, annual=model.first_day.annual)
    made = anchor(state.z) + features @ model.first_day.coefficients[context.hour[0]]
    return (made + 1.0) * state.scale[:, None]


@pytest.mark.parametrize("annual", [False, True])
def test_the_map_of_the_window_is_the_forecast_by_features(annual: bool) -> None:
    values, model = history(912), member(annual=annual)
    state = describe(values, screened=False)
    outlook = model.outlook(state, DENMARK, SPRING)
    made = (outlook.forecast + 1.0) * state.scale[:, None]
    assert np.abs(made / direct(model, values, SPRING) - 1).max() < 1e-4


@pytest.mark.parametrize("annual", [False, True])
def test_past_errors_are_those_of_forecasts_made_at_the_past_origins(annual: bool) -> None:
    longer, model = history(912 + 192), member(annual=annual)
    state = describe(longer[:, -912:], screened=False)
    outlook = model.outlook(state, DENMARK, SPRING)
    for back in (1, 2, 3):
        then = longer[:, -912 - back : -back]
        error = (longer[:, -back] - direct(model, then, SPRING - back)[:, 0]) / state.scale
        assert np.abs(outlook.one_step_errors[:, back - 1] - error).max() < 1e-4
    day_ahead = [
        np.abs(longer[:, -1 - back + 24] - direct(model, longer[:, -912 - back : -back], SPRING - back)[:, 23])
        for back in (*DAY_ORIGINS, *WEEK_ORIGINS)
    ]
    assert np.abs(outlook.week_error - np.mean(day_ahead, axis=0) / state.scale).max() < 1e-3
    for back in (24, 31, 47):
        then = longer[:, -912 - back : -back]
        error = (longer[:, -1 - back + 24] - direct(model, then, SPRING - back)[:, 23]) / state.scale
        assert np.abs(outlook.day_errors[:, back - 24] - error).max() < 1e-4


def test_an_hour_that_was_not_observed_is_no_error() -> None:
    values = history(912)
    values[:, -5] = np.nan
    outlook = member(annual=False).outlook(describe(values, screened=False), DENMARK, SPRING)
    assert (outlook.day_errors[:, 4] == 0).all()
    assert (outlook.day_errors[:, 3] != 0).all()


def test_errors_of_hours_that_were_fitted_on_are_made_as_large_as_those_of_new_ones() -> None:
    state = describe(history(912), screened=False)
    plain = member(annual=False)
    young = LinearMember(plain.first_day.coefficients, annual=False, trained_until=SPRING - 9, optimism=1.5)
    old, new = plain.outlook(state, DENMARK, SPRING), young.outlook(state, DENMARK, SPRING)
    assert np.array_equal(new.forecast, old.forecast)
    assert np.array_equal(new.one_step_errors, old.one_step_errors)
    # The hours t, t-1, … t-9 are new to it, the ones before were fitted on.
    assert np.array_equal(new.day_errors[:, :10], old.day_errors[:, :10])
    assert np.array_equal(new.day_errors[:, 10:], old.day_errors[:, 10:] * np.float32(1.5))
    assert (new.week_error > old.week_error).all()


def test_features_have_a_name_each() -> None:
    z = np.zeros((1, 864), np.float32)
    context = origin_context(DENMARK, np.array([SPRING]))
    for annual in (False, True):
        assert linear_features(z, context, annual=annual).shape[1] == len(linear_feature_names(annual=annual))


def test_another_map_for_the_leads_leaves_the_past_errors_as_they_are_bit_for_bit() -> None:
    state = describe(history(912), screened=False)
    one = member(annual=True)
    other = LinearMember(one.first_day.coefficients * np.float32(-2), annual=True)
    own, mixed = one.outlook(state, DENMARK, SPRING), one.outlook(state, DENMARK, SPRING, other.first_day)
    assert mixed.errors.tobytes() == own.errors.tobytes()
    assert mixed.forecast.tobytes() == other.outlook(state, DENMARK, SPRING).forecast.tobytes()
    assert (mixed.forecast != own.forecast).any()
