import numpy as np

from trainer.scenarios import Scenario, damaged

WINDOWS = np.arange(2 * 912, dtype=float).reshape(2, 912)


def test_all_well_changes_nothing() -> None:
    assert np.array_equal(damaged(WINDOWS, Scenario.ALL_WELL), WINDOWS)


def test_the_last_six_hours_are_missing() -> None:
    missing = np.isnan(damaged(WINDOWS, Scenario.LAST_HOURS_MISSING))
    assert missing[:, -6:].all()
    assert not missing[:, :-6].any()


def test_a_whole_day_is_missing_before_the_last_one() -> None:
    missing = np.isnan(damaged(WINDOWS, Scenario.DAY_MISSING))
    assert missing.sum(axis=1).tolist() == [24, 24]
    assert missing[:, -48:-24].all()


def test_a_stuck_meter_repeats_the_last_value_that_it_measured() -> None:
    stuck = damaged(WINDOWS, Scenario.STUCK_METER)
    assert (stuck[:, -12:] == WINDOWS[:, -13:-12]).all()
    assert np.array_equal(stuck[:, :-12], WINDOWS[:, :-12])


def test_the_windows_that_are_given_are_not_changed() -> None:
    before = WINDOWS.copy()
    for scenario in Scenario:
        damaged(WINDOWS, scenario)
    assert np.array_equal(WINDOWS, before)


def test_a_fault_of_the_weather_leaves_the_load_as_it_is() -> None:
    for scenario in Scenario:
        if scenario.is_of_weather:
            assert np.array_equal(damaged(WINDOWS, scenario), WINDOWS)
