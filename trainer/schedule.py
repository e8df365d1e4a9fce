"""When a training is due, by schedule or by request: pure decisions on the log of trainings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dayahead.hours import format_utc
from dayahead.storage.tables.model_release import ReleaseRecord
from dayahead.storage.tables.retune_request import WaitingRequest
from dayahead.storage.tables.tuning_run import GROWTH, OWN_INITIATIVE, SCHEDULE, START, Outcome, TuningRun
from trainer.settings import TrainingSettings
from trainer.training_set import HistoryLength

DAY = timedelta(days=1)
LOG_WINDOW = timedelta(days=60)
"""How far back the log of trainings is read: longer than any sensible schedule."""
RETRY_AFTER = timedelta(minutes=10)
"""A failed training is retried after this time."""


@dataclass(frozen=True)
class Due:
    """A training that is due now.

    Attributes:
        requested_by: `start`, `schedule`, `growth`, or the requester of the oldest waiting request.
        reason: why, in a sentence.
        answers: number of waiting requests that it answers.
    """

    requested_by: str
    reason: str
    answers: int = 0


@dataclass(frozen=True)
class Waiting:
    """No training is due.

    Attributes:
        reason: what it waits for, in a sentence.
    """

    reason: str


@dataclass(frozen=True)
class Verdict:
    """Whether the waiting requests are honoured now.

    Attributes:
        honoured: whether they are; if not, they keep waiting.
        reason: why, in a sentence.
    """

    honoured: bool
    reason: str


def next_training(
    champion: ReleaseRecord | None,
    runs: Sequence[TuningRun],
    history: HistoryLength,
    settings: TrainingSettings,
    now: datetime,
    requests: Sequence[WaitingRequest] = (),
) -> Due | Waiting:
    """Decide whether a training is due: the first one, then one for all waiting requests, then the schedule's.

    Args:
        champion: the release in service; None if there is none.
        runs: trainings so far, newest first, without refusals.
        history: the longest history of a source.
        settings: hours needed and the schedule.
        now: the present moment.
        requests: the waiting requests, oldest first.
    """
    lacking = missing_history(history, settings)
    if lacking:
        return _and_requests(Waiting(lacking), requests, "")
    step = _by_itself(champion, runs, history, settings, now)
    if not requests or (isinstance(step, Due) and step.requested_by == START):
        return step
    verdict = judge_requests(runs, settings, now)
    return _retune(requests) if verdict.honoured else _and_requests(step, requests, verdict.reason)


def _by_itself(
    champion: ReleaseRecord | None,
    runs: Sequence[TuningRun],
    history: HistoryLength,
    settings: TrainingSettings,
    now: datetime,
) -> Due | Waiting:
    schedule = settings.schedule
    if runs and runs[0].outcome is Outcome.FAILED and now < (again := runs[0].started_at + RETRY_AFTER):
        return Waiting(f"the last training failed; the next attempt is at {format_utc(again)}")
    if champion is None and not any(run.outcome.trained for run in runs[:1]):
        return Due(START, f"there is no champion yet and {history.source} has {history.hours} hours")
    if champion is not None:
        learnt_h = history.learnt
        if learnt_h < schedule.growth_until_days * 24 and history.hours >= schedule.growth_factor * max(1, learnt_h):
            last = _newest_trained(runs)
            # A challenger that was not promoted is not retrained for the same growth, only by the schedule.
            if last is None or last.release == champion.release or last.promoted:
                return Due(
                    GROWTH, f"{history.source} has {history.hours} hours now, the champion was trained on {learnt_h}"
                )
    last = _newest_trained(runs)
    due_at = (last.started_at if last else now) + timedelta(hours=schedule.every_h)
    if last is None or now >= due_at:
        return Due(SCHEDULE, f"every {schedule.every_h:g} hours")
    scheduled = f"the next training of the schedule is at {format_utc(due_at)}"
    return Waiting(scheduled if champion else f"no model was good enough yet to be promoted; {scheduled}")


def missing_history(history: HistoryLength, settings: TrainingSettings) -> str | None:
    """The history that is still missing, in a sentence; None if there is enough."""
    needed = settings.needed_h
    if history.source is None:
        return f"waits for observations: no source has an hour yet, a training needs {needed}"
    if history.hours < needed:
        return f"waits for history: source {history.source} has {history.hours} of {needed} hours"
    return None


def searches(requested_by: str, runs: Sequence[TuningRun], settings: TrainingSettings, now: datetime) -> bool:
    """Whether a training of the service searches the fit settings first.

    A request does: it means that the champion is not accurate enough. The schedule does every
    `tuning.every_h` hours. The first training, and one for the growth of the history, does not.

    Args:
        requested_by: requester of the training.
        runs: trainings so far, newest first, without refusals.
        settings: trials and interval of the search.
        now: the present moment.
    """
    if not settings.tuning.trials or requested_by in {START, GROWTH}:
        return False
    if requested_by not in OWN_INITIATIVE:
        return True
    newest = next((run.started_at for run in runs if run.outcome.trained and run.details.get("tuning")), None)
    began = newest or min((run.started_at for run in runs), default=now)
    return now >= began + timedelta(hours=settings.tuning.every_h)


def judge_requests(runs: Sequence[TuningRun], settings: TrainingSettings, now: datetime) -> Verdict:
    """Decide whether the waiting requests are honoured now: one training answers all of them.

    Args:
        runs: trainings of the last day at least, newest first, without refusals.
        settings: cool-down and budget; both count only retunes, not trainings of the schedule.
        now: the present moment.
    """
    schedule = settings.schedule
    retunes = [run for run in runs if run.requested_by not in OWN_INITIATIVE]
    if retunes and retunes[0].outcome is Outcome.FAILED and now < (again := retunes[0].started_at + RETRY_AFTER):
        return Verdict(False, f"the last retune failed, the next attempt is at {format_utc(again)}")
    last = _newest_trained(retunes)
    if last is not None:
        ended_at = last.finished_at or last.started_at
        free_at = ended_at + timedelta(hours=schedule.cool_down_h)
        if now < free_at:
            return Verdict(
                False,
                f"a retune ended at {format_utc(ended_at)}, the next may start {schedule.cool_down_h:g} h later, at "
                f"{format_utc(free_at)}",
            )
    # one that was killed, or is still marked as running, answered nothing
    ended = [run for run in retunes if run.outcome.trained or run.outcome is Outcome.FAILED]
    within_a_day = sum(run.started_at > now - DAY for run in ended)
    if within_a_day >= schedule.budget_per_day:
        return Verdict(False, f"{within_a_day} retunes within 24 hours, the budget is {schedule.budget_per_day} a day")
    return Verdict(True, f"retune {within_a_day + 1} of {schedule.budget_per_day} within 24 hours")


def _retune(requests: Sequence[WaitingRequest]) -> Due:
    """One training for all waiting requests; the oldest names the requester."""
    oldest = requests[0]
    # a requester named like the schedule must stay distinct: otherwise its request would never count as answered
    by = f"{oldest.requested_by} (request)" if oldest.requested_by in OWN_INITIATIVE else oldest.requested_by
    others = sorted({request.requested_by for request in requests[1:]})
    more = f" (and {len(requests) - 1} more, of {', '.join(others)})" if others else ""
    return Due(by, oldest.reason + more, len(requests))


def _and_requests(step: Due | Waiting, requests: Sequence[WaitingRequest], postponed: str) -> Due | Waiting:
    """The same step, with what the requests wait for added to its reason."""
    if isinstance(step, Due) or not requests:
        return step
    what = "1 request waits" if len(requests) == 1 else f"{len(requests)} requests wait"
    why = f": {postponed}" if postponed else ""
    return Waiting(f"{what}{why}; {step.reason}")


class Settling:
    """Detect when a history that is being filled stops growing, so that the first training uses all of it."""

    def __init__(self, settle_s: float) -> None:
        self._settle = timedelta(seconds=settle_s)
        self._hours = 0
        self._since: datetime | None = None

    def waits_for(self, history: HistoryLength, now: datetime) -> str | None:
        """Why to wait, in a sentence; None once the history grew by less than a day for long enough."""
        if self._since is None or history.hours >= self._hours + 24:
            self._hours, self._since = history.hours, now
        rest = self._settle - (now - self._since)
        if rest > timedelta(0):
            return f"waits {rest.total_seconds():.0f} s more for the backfill to end: {history.hours} hours so far"
        return None


def _newest_trained(runs: Sequence[TuningRun]) -> TuningRun | None:
    return next((run for run in runs if run.outcome.trained), None)
