from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import psycopg
import pytest

from dayahead.errors import NotEnoughHistoryError, Stopped
from dayahead.hours import from_hour
from dayahead.models.fitting.fit import fit_release
from dayahead.models.history import History
from dayahead.models.serving.release import Release
from dayahead.storage.tables.model_release import ReleaseRecord, list_releases, load_artifact, save_release
from dayahead.storage.tables.promotion import champion, promote, roll_back
from dayahead.storage.tables.training_quarantine import load_quarantine
from dayahead.storage.tables.tuning_run import Outcome, recent_runs
from tests.trainer.conftest import QUICK, FakeClock
from tests.trainer.filling import Sample, fill
from trainer.result import TrainingResult
from trainer.scenarios import Scenario
from trainer.settings import TrainingSettings, load_training_settings
from trainer.train import STEPS, Training

pytestmark = pytest.mark.servers


OF_QUICK_FITS = ["gate.coverage_low=0", "gate.coverage_high=1", "gate.scenario_margin=-0.9"]
"""A fit of a second has no band and no grace under damage to be proud of."""


def train(
    connection: psycopg.Connection, clock: FakeClock, *overrides: str, settings: Sequence[str] = QUICK
) -> TrainingResult:
    training = load_training_settings(None, [*settings, *overrides], {})
    return Training(connection, training, clock).run("command", "a test")


def serve_a_poor_release(connection: psycopg.Connection, sample: Sample, clock: FakeClock) -> str:
    """Promote a release that learnt from hours running backwards: it knows the scale and nothing else."""
    training = load_training_settings(None, QUICK, {})
    backwards = History(
        tuple(sample.series_ids), sample.start, sample.values[:, ::-1].copy(), (sample.source.calendar,)
    )
    release = fit_release(backwards, training.fit, 1)
    from_, until = from_hour(release.trained_from), from_hour(release.trained_until)
    record = ReleaseRecord(release.release_id, clock(), from_, until, release.data_fingerprint, {}, {}, 0)
    save_release(connection, record, release.to_bytes())
    promote(connection, release.release_id, "a test", "poor", clock())
    connection.commit()
    return release.release_id


def count(connection: psycopg.Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.timeout(600)
def test_the_shipped_recipe_beats_the_naive_on_the_whole_sample_and_serves(
    connection: psycopg.Connection, database_url: str, whole_sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, whole_sample)
    result = train(connection, clock, settings=[])

    assert result.outcome is Outcome.PROMOTED
    figures = result.judged[Scenario.ALL_WELL]
    assert figures.wape < 0.07
    assert figures.weekly_naive_wape > 0.12
    assert figures.wape < figures.naive_wape == figures.daily_naive_wape < 0.10
    assert figures.broken == 0
    assert (result.learnt.series, result.learnt.end) == (76, whole_sample.start + 823)

    serving = champion(connection)
    assert serving is not None
    assert (serving.release, serving.previous, serving.promoted_by) == (result.release, None, "trainer")
    assert "seasonal naive" in serving.reason
    assert Release.from_bytes(load_artifact(connection, result.release)).release_id == result.release
    record = list_releases(connection)[0]
    assert record.trained_until == from_hour(whole_sample.start + 823)
    assert record.metrics["wape"] == pytest.approx(figures.wape)
    run = recent_runs(connection)[0]
    assert (run.outcome, run.release, run.promoted) == (Outcome.PROMOTED, result.release, True)
    assert [check["passed"] for check in run.details["checks"]] == [True] * 3

    served = Release.from_bytes(load_artifact(connection, result.release))
    assert served.days >= 2
    assert run.details["floor_days"] == list(served.floor_days)
    (day_2, *_) = figures.later_days
    assert (day_2.day, day_2.windows > 1000) == (2, True)
    assert record.metrics["day_2_wape"] == pytest.approx(day_2.wape)
    assert record.metrics["day_2_by_model"] == int(2 not in served.floor_days)


def test_what_was_not_learnt_from_is_kept_with_its_reason(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock
) -> None:
    sample.values[0, 400:440] = sample.values[0, 400]
    sample.values[1, 500] = 9e6
    fill(database_url, sample)
    result = train(connection, clock)
    kept = load_quarantine(connection)
    assert kept == sorted(result.quarantined, key=lambda r: (r.series_id, r.start))
    start = sample.start
    assert [(r.series_id, r.start - start, r.hours, r.rule) for r in kept if r.start in (start + 401, start + 500)] == [
        (sample.series_ids[0], 401, 39, "stuck_meter"),
        (sample.series_ids[1], 500, 1, "spike"),
    ]
    details = recent_runs(connection)[0].details
    assert details["quarantined_hours"]["stuck_meter"] == 39


def test_the_same_data_settings_and_seed_give_the_same_release_and_change_nothing(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample)
    first = train(connection, clock)
    again = train(connection, clock)
    assert again.release == first.release
    assert (again.outcome, again.is_new) == (Outcome.UNCHANGED, False)
    assert count(connection, "model_release") == 1
    assert count(connection, "promotion") == 1
    assert [run.outcome for run in recent_runs(connection)] == [Outcome.UNCHANGED, Outcome.PROMOTED]
    for threads in (1, 2):  # the fit to be judged and the fit on everything one after the other, and at the same time
        assert train(connection, clock, f"threads={threads}").release == first.release
    assert train(connection, clock, "seed=2").release != first.release


def test_a_training_as_of_a_past_moment_sees_nothing_that_was_published_later(
    connection: psycopg.Connection,
    database_url: str,
    owner_database_url: str,
    sample: Sample,
    clock: FakeClock,
    quick: TrainingSettings,
) -> None:
    moment = from_hour(sample.start + 600)
    early = sample.part(0, 600)
    fill(database_url, early)
    then = Training(connection, quick, clock).run("command", "before")
    with psycopg.connect(database_url) as writer:
        # Every hour is revised and 200 more are observed, all of it after the moment.
        writer.execute(
            "INSERT INTO observation_revision (series_key, valid_time, available_at, value, recorded_at)"
            " SELECT series_key, valid_time, available_at, value, recorded_at FROM observation"
        )
        writer.execute("UPDATE observation SET value = value * 1.5, available_at = %s", [moment + timedelta(days=30)])
    fill(database_url, sample.part(600, 800))
    later = Training(connection, quick, clock, as_of=moment).run("command", "as of then")
    assert later.release == then.release
    assert later.learnt == then.learnt
    assert train(connection, clock).release != then.release


def test_with_too_little_history_nothing_is_trained_and_the_record_says_so(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample.part(0, 383))
    with pytest.raises(NotEnoughHistoryError, match="384 hours"):
        train(connection, clock)
    run = recent_runs(connection)[0]
    assert run.outcome is Outcome.FAILED
    assert "consumption-de35-hour has 383" in run.details["reason"]
    assert count(connection, "model_release") == 0


def test_the_least_history_is_enough(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample.part(0, 384))
    result = train(connection, clock)
    assert result.outcome in {Outcome.PROMOTED, Outcome.KEPT}
    assert result.learnt.end - result.learnt.judged_from == 48


def test_a_release_that_is_only_saved_does_not_serve(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock, quick: TrainingSettings
) -> None:
    fill(database_url, sample)
    result = Training(connection, quick, clock, promote=False).run("command", "a trial")
    assert result.outcome is Outcome.SAVED
    assert champion(connection) is None
    assert [record.release for record in list_releases(connection)] == [result.release]


def test_a_better_challenger_takes_over(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample.part(0, 700))
    poor = serve_a_poor_release(connection, sample.part(0, 600), clock)
    good = train(connection, clock, *OF_QUICK_FITS)
    assert good.outcome is Outcome.PROMOTED, good.reason
    assert good.comparison is not None
    assert (good.comparison.champion, good.comparison.unseen_h) == (poor, 100)
    serving = champion(connection)
    assert serving is not None
    assert (serving.release, serving.previous) == (good.release, poor)


def test_a_challenger_that_is_not_better_by_the_margin_is_kept_and_does_not_serve(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample.part(0, 700))
    serving = train(connection, clock)
    fill(database_url, sample.part(700, 823))
    challenger = train(connection, clock, "gate.margin=0.5")
    assert challenger.outcome is Outcome.KEPT
    assert [check.name for check in challenger.gate.checks if not check.passed] == ["beats_champion"]
    still = champion(connection)
    assert still is not None
    assert still.release == serving.release
    assert challenger.release in {record.release for record in list_releases(connection)}


def test_challenger_and_champion_are_compared_only_on_hours_that_neither_has_seen(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample.part(0, 760))
    train(connection, clock)
    fill(database_url, sample.part(760, 800))
    too_soon = train(connection, clock)
    assert too_soon.outcome is Outcome.KEPT
    assert "all but 40" in too_soon.reason
    fill(database_url, sample.part(800, 823))
    compared = train(connection, clock).comparison
    assert compared is not None
    assert compared.unseen_h == 63
    assert (
        compared.challenger_figures[Scenario.ALL_WELL].windows == compared.champion_figures[Scenario.ALL_WELL].windows
    )


def test_what_was_rolled_back_is_not_promoted_again_by_itself(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock
) -> None:
    fill(database_url, sample.part(0, 700))
    poor = serve_a_poor_release(connection, sample.part(0, 600), clock)
    good = train(connection, clock, *OF_QUICK_FITS)
    assert good.outcome is Outcome.PROMOTED, good.reason
    announcement = roll_back(connection, "a test", clock())
    connection.commit()
    assert (announcement.release, announcement.previous) == (poor, good.release)
    again = train(connection, clock, *OF_QUICK_FITS)
    assert again.release == good.release
    assert again.outcome is Outcome.KEPT
    assert "rolled back before" in again.reason


def test_sources_in_several_time_zones_are_learnt_from_together(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock
) -> None:
    other = Sample(
        sample.source.model_copy(update={"name": "elsewhere", "local_time_zone": "America/New_York", "country": "US"}),
        [f"US/{number}" for number in range(3)],
        sample.start + 100,
        np.roll(sample.values[:3, :700], 6, axis=1),
    )
    fill(database_url, sample)
    fill(database_url, other)
    result = train(connection, clock)
    assert result.learnt.series == len(sample.series_ids) + 3
    assert (result.learnt.start, result.learnt.end) == (sample.start, sample.start + 823)
    assert result.judged[Scenario.ALL_WELL].broken == 0


def test_a_training_that_is_stopped_is_recorded_as_interrupted(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock, quick: TrainingSettings
) -> None:
    fill(database_url, sample)

    def stop(step: str) -> None:
        if step == STEPS[2]:
            raise Stopped("the process was asked to end")

    with pytest.raises(Stopped):
        Training(connection, quick, clock, on_step=stop).run("command", "a test")
    assert recent_runs(connection)[0].outcome is Outcome.INTERRUPTED
    assert count(connection, "model_release") == 0
