from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dayahead.storage.tables.model_release import ReleaseRecord
from dayahead.storage.tables.retune_request import WaitingRequest
from dayahead.storage.tables.tuning_run import Outcome, TuningRun
from deploy.up import WITHOUT_MODEL
from trainer.schedule import Due, Settling, Waiting, judge_requests, next_training, searches
from trainer.settings import TrainingSettings, load_training_settings
from trainer.training_set import HistoryLength

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SETTINGS = load_training_settings(None, ["schedule.cool_down_h=2", "schedule.budget_per_day=2"], {})


def history(hours: int, learnt_h: int = 0) -> HistoryLength:
    return HistoryLength("meters" if hours else None, hours, learnt_h)


def run(hours_ago: float, outcome: Outcome = Outcome.PROMOTED, by: str = "schedule", release: str = "r-1") -> TuningRun:
    started = NOW - hours_ago * HOUR
    promoted = outcome is Outcome.PROMOTED
    return TuningRun(1, started, started, by, "because", release, promoted, outcome, {})


def champion(learnt_h: int) -> ReleaseRecord:
    until = datetime(2023, 1, 1, tzinfo=UTC) + learnt_h * HOUR
    return ReleaseRecord("r-1", NOW, until - learnt_h * HOUR, until, "abc", {}, {}, 1)


def step(
    *runs: TuningRun,
    learnt_h: int | None = None,
    hours: int = 5000,
    settings: TrainingSettings = SETTINGS,
    requests: Sequence[WaitingRequest] = (),
) -> Due | Waiting:
    record = None if learnt_h is None else champion(learnt_h)
    return next_training(record, runs, history(hours, learnt_h or 0), settings, NOW, requests)


def request(by: str = "MapeCritical", reason: str = "MAPE is 41 %") -> WaitingRequest:
    return WaitingRequest(NOW, by, reason, NOW)


def test_without_an_hour_it_waits_for_observations() -> None:
    answer = step(hours=0)
    assert isinstance(answer, Waiting)
    assert "no source has an hour yet" in answer.reason


def test_with_too_little_history_it_says_how_much_is_missing() -> None:
    answer = step(hours=383)
    assert isinstance(answer, Waiting)
    assert "383 of 384" in answer.reason


def test_without_a_champion_it_trains_at_once_when_there_is_enough_history() -> None:
    answer = step(hours=384)
    assert isinstance(answer, Due)
    assert answer.requested_by == "start"


@pytest.mark.parametrize("left_behind", [Outcome.INTERRUPTED, Outcome.RUNNING])
def test_a_training_that_was_interrupted_is_taken_up_again_at_once(left_behind: Outcome) -> None:
    """One that still runs elsewhere holds the training lock: that is asked next."""
    assert isinstance(step(run(0.01, left_behind)), Due)


def test_a_training_that_failed_is_not_tried_again_at_once() -> None:
    assert isinstance(step(run(0.01, Outcome.FAILED)), Waiting)
    assert isinstance(step(run(1, Outcome.FAILED)), Due)


def test_a_first_release_that_was_not_promoted_waits_for_the_schedule() -> None:
    assert isinstance(step(run(1, Outcome.KEPT)), Waiting)
    assert isinstance(step(run(25, Outcome.KEPT)), Due)


def test_a_start_on_a_live_source_knows_the_words_for_having_no_model() -> None:
    for answer in (step(hours=383), step(run(1, Outcome.KEPT))):
        assert isinstance(answer, Waiting)
        assert answer.reason.startswith(WITHOUT_MODEL)
    serving = step(run(1), learnt_h=5000)
    assert isinstance(serving, Waiting)
    assert not serving.reason.startswith(WITHOUT_MODEL)


def test_the_schedule_counts_from_the_last_training() -> None:
    waiting = step(run(23.9), learnt_h=5000)
    assert isinstance(waiting, Waiting)
    due = step(run(24), learnt_h=5000)
    assert isinstance(due, Due)
    assert due.requested_by == "schedule"


def test_failed_trainings_do_not_push_the_schedule_back() -> None:
    assert isinstance(step(run(1, Outcome.FAILED), run(30), learnt_h=5000), Due)


def test_a_young_model_is_renewed_when_the_history_has_grown_by_half() -> None:
    due = step(run(1), learnt_h=400, hours=600)
    assert isinstance(due, Due)
    assert due.requested_by == "growth"
    assert isinstance(step(run(1), learnt_h=400, hours=599), Waiting)


def test_a_model_that_knows_months_is_left_to_the_schedule() -> None:
    assert isinstance(step(run(1), learnt_h=91 * 24, hours=300 * 24), Waiting)


def test_growth_that_gave_no_better_model_is_not_tried_again_and_again() -> None:
    assert isinstance(step(run(1, Outcome.KEPT, release="r-2"), run(3), learnt_h=400, hours=900), Waiting)


@pytest.mark.parametrize("by", ["start", "schedule", "growth", "command"])
def test_only_a_retune_makes_requests_wait_and_only_for_the_cool_down(by: str) -> None:
    assert judge_requests([run(0.1, by=by)], SETTINGS, NOW).honoured
    postponed = judge_requests([run(0.1, by=by), run(1.9, by="MapeCritical")], SETTINGS, NOW)
    assert not postponed.honoured
    assert "at 2026-03-01T12:06:00Z" in postponed.reason
    assert judge_requests([run(0.1, by=by), run(2, by="MapeCritical")], SETTINGS, NOW).honoured


def test_a_retune_that_failed_is_tried_again_after_ten_minutes_without_a_cool_down() -> None:
    postponed = judge_requests([run(0.1, Outcome.FAILED, "api")], SETTINGS, NOW)
    assert (postponed.honoured, "the next attempt is at 2026-03-01T12:04:00Z" in postponed.reason) == (False, True)
    assert judge_requests([run(0.2, Outcome.FAILED, "api")], SETTINGS, NOW).honoured
    assert judge_requests([run(0.1, Outcome.FAILED, "schedule")], SETTINGS, NOW).honoured


def test_requests_beyond_the_budget_of_a_day_wait() -> None:
    postponed = judge_requests([run(5, by="MapeCritical"), run(9, Outcome.FAILED, "api")], SETTINGS, NOW)
    assert not postponed.honoured
    assert "the budget is 2 a day" in postponed.reason


def test_the_budget_is_used_up_by_retunes_alone_and_for_a_day() -> None:
    runs = [run(5, by="schedule"), run(6, by="start"), run(7, by="command"), run(9, by="api"), run(24.1, by="api")]
    assert judge_requests(runs, SETTINGS, NOW).honoured


@pytest.mark.parametrize("outcome", [Outcome.INTERRUPTED, Outcome.RUNNING])
def test_a_retune_that_was_killed_uses_up_nothing(outcome: Outcome) -> None:
    assert judge_requests([run(0.1, outcome, "api"), run(0.2, outcome, "api")], SETTINGS, NOW).honoured


def test_one_training_answers_all_requests_that_wait_and_comes_before_the_schedule() -> None:
    due = step(run(24), learnt_h=5000, requests=[request(), request("api", "a new factory"), request()])
    assert due == Due("MapeCritical", "MAPE is 41 % (and 2 more, of MapeCritical, api)", 3)


def test_a_request_that_must_wait_keeps_the_schedule_going_and_is_named() -> None:
    waiting = step(run(0.5, by="api"), learnt_h=5000, requests=[request(), request()])
    assert isinstance(waiting, Waiting)
    assert waiting.reason.startswith("2 requests wait: a retune ended at 2026-03-01T11:30:00Z")
    assert "the next training of the schedule is at" in waiting.reason
    scheduled = step(run(0.5, by="api"), learnt_h=400, hours=600, requests=[request()])
    assert isinstance(scheduled, Due)
    assert scheduled.requested_by == "growth"


@pytest.mark.parametrize("hours", [0, 100])
def test_a_request_without_enough_history_waits_for_it(hours: int) -> None:
    waiting = step(hours=hours, requests=[request()])
    assert isinstance(waiting, Waiting)
    assert waiting.reason.startswith("1 request waits; waits for ")


def test_a_first_model_comes_before_any_request() -> None:
    due = step(requests=[request()])
    assert isinstance(due, Due)
    assert (due.requested_by, due.answers) == ("start", 0)


def test_where_the_first_model_was_not_promoted_a_request_is_honoured() -> None:
    due = step(run(1, Outcome.KEPT), requests=[request()])
    assert isinstance(due, Due)
    assert due.requested_by == "MapeCritical"


@pytest.mark.parametrize("name", ["start", "schedule", "growth", "command"])
def test_who_asks_under_a_name_of_the_trainer_is_still_a_retune(name: str) -> None:
    due = step(run(1), learnt_h=5000, requests=[request(name)])
    assert isinstance(due, Due)
    assert due.requested_by == f"{name} (request)"


def test_a_history_that_is_being_filled_is_waited_for() -> None:
    settling = Settling(15)
    assert settling.waits_for(history(400), NOW)
    assert settling.waits_for(history(700), NOW + timedelta(seconds=14))
    assert settling.waits_for(history(800), NOW + timedelta(seconds=20))
    assert settling.waits_for(history(805), NOW + timedelta(seconds=34))
    assert settling.waits_for(history(810), NOW + timedelta(seconds=35)) is None


def searched(hours_ago: float) -> TuningRun:
    return replace(run(hours_ago), details={"tuning": {"study": "a"}})


def test_a_request_is_answered_by_a_search_and_a_first_training_is_not() -> None:
    assert searches("MapeCritical", [searched(3)], SETTINGS, NOW)
    assert not searches("start", [], SETTINGS, NOW)
    assert not searches("growth", [run(500)], SETTINGS, NOW)


def test_the_schedule_searches_a_week_after_the_last_search_or_the_first_training() -> None:
    assert not searches("schedule", [run(24), run(167)], SETTINGS, NOW)
    assert searches("schedule", [run(24), run(168)], SETTINGS, NOW)
    assert not searches("schedule", [run(24), searched(167), run(900)], SETTINGS, NOW)
    assert searches("schedule", [run(24), searched(168), run(900)], SETTINGS, NOW)


def test_without_trials_nothing_is_searched() -> None:
    never = load_training_settings(None, ["tuning.trials=0"], {})
    assert not searches("MapeCritical", [], never, NOW)
