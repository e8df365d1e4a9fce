from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dayahead.errors import NotEnoughHistoryError, SettingsError
from dayahead.reading.source_file import load_source
from tests.trainer.backtest.conftest import FIRST_H
from tests.trainer.backtest.same import differences
from tests.trainer.filling import NOW, SAMPLE_SOURCE
from trainer.backtest.data_file import read_data_file
from trainer.backtest.fitting import do_fit, fit_before
from trainer.backtest.plan import Plan
from trainer.backtest.reader import FileReader, judged_by
from trainer.backtest.walk import Backtest, Walk
from trainer.quarantine import LEVEL_BREAK, clean
from trainer.settings import TrainingSettings
from trainer.training_set import registered_as


def with_observed(reader: FileReader, values: np.ndarray) -> FileReader:
    """The same file with other values, cleaned as a whole."""
    known = reader.known
    series = registered_as(known.observed.series_ids, reader.source)
    cleaned = clean(values, known.observed.start, series, reader.source, reader.quarantine)
    return replace(
        reader,
        known=replace(
            known,
            observed=replace(known.observed, values=values),
            history=replace(known.history, values=cleaned.values),
            quarantined=cleaned.ranges,
        ),
    )


def test_a_file_gives_what_is_in_it(few_series: Path, reader: FileReader) -> None:
    observed = reader.known.observed
    assert len(observed.series_ids) == 10
    assert observed.values.shape == (10, 823)
    assert np.isfinite(observed.values).all()


def test_a_file_without_a_usable_record_says_what_is_wrong(tmp_path: Path, quick: TrainingSettings) -> None:
    data = tmp_path / "mine.csv"
    data.write_text("HourUTC,PriceArea,ConsumerType_DE35,TotalCon\n2023-01-01T00:00:00,DK1,111,plenty\n")
    with pytest.raises(NotEnoughHistoryError, match=r"1 records were rejected.*plenty"):
        read_data_file(data, load_source(SAMPLE_SOURCE), quick.quarantine, NOW)


def test_a_reference_forecast_is_not_judged_as_if_it_was_observed(few_series: Path, quick: TrainingSettings) -> None:
    operator = load_source(SAMPLE_SOURCE).model_copy(update={"name": "operator", "forecast_of": "metered"})
    with pytest.raises(SettingsError, match="operator is a reference forecast: give --source the file of metered"):
        read_data_file(few_series, operator, quick.quarantine, NOW)


def test_the_fit_sees_nothing_from_the_first_forecast_hour_on(reader: FileReader, quickly: TrainingSettings) -> None:
    hours = 460
    first = reader.known.observed.start + hours
    release = do_fit(fit_before(reader, first, quickly)).release
    assert release.trained_until == first
    changed = reader.known.observed.values.copy()
    # ten times as much, for two weeks: whoever looks at it takes all that came before for another level
    changed[:, hours:] *= 10
    later = with_observed(reader, changed)
    assert LEVEL_BREAK in {aside.rule for aside in later.known.quarantined}
    assert do_fit(fit_before(later, first, quickly)).release.release_id == release.release_id


def test_a_forecast_sees_nothing_after_its_origin(reader: FileReader, first: int, quickly: TrainingSettings) -> None:
    changed = reader.known.observed.values.copy()
    changed[:, FIRST_H:] *= 3
    plan = Plan(first, first + 24, 24)
    seen = Walk(reader, plan, quickly).run().result
    assert np.array_equal(seen.p50, Walk(with_observed(reader, changed), plan, quickly).run().result.p50)


def test_hours_before_a_change_of_level_are_judged_though_nothing_is_learnt_from_them(reader: FileReader) -> None:
    values = reader.known.observed.values.copy()
    values[0, 400:] *= 20
    known = with_observed(reader, values).known
    assert LEVEL_BREAK in {aside.rule for aside in known.quarantined}
    assert np.isnan(known.history.values[0, :380]).all()
    assert np.array_equal(judged_by(known).values[0, :380], values[0, :380])


def test_every_forecast_hour_lies_between_from_and_to(reader: FileReader) -> None:
    start = reader.known.observed.start
    origins = Plan(start + 600, start + 700, 7).origins(reader.known)
    assert origins[0] + 1 == start + 600
    assert origins[-1] + 24 <= start + 699 < origins[-1] + 24 + 7
    assert Plan(start + 600, None, 24).origins(reader.known)[-1] + 24 < reader.known.observed.end


@pytest.mark.parametrize(("first_h", "end_h"), [(600, 620), (810, None), (0, None), (900, None)])
def test_a_range_without_room_for_a_forecast_is_refused(reader: FileReader, first_h: int, end_h: int | None) -> None:
    start = reader.known.observed.start
    with pytest.raises(SettingsError, match="no forecast of 24 hours fits"):
        Plan(start + first_h, None if end_h is None else start + end_h, 24).origins(reader.known)


def test_windows_in_any_order_and_together_give_what_they_give_one_after_the_other(
    reader: FileReader, plan: Plan, walked: Backtest, quickly: TrainingSettings
) -> None:
    with ThreadPoolExecutor(3) as pool:
        together = Walk(reader, plan, quickly, mapped=lambda task, asked: pool.map(task, reversed(list(asked)))).run()
    assert differences(walked.result, together.result) == []
    assert np.all(np.diff(together.result.origin) >= 0)


def test_a_refitted_model_is_trained_on_all_earlier_data(
    reader: FileReader, first: int, walked: Backtest, quickly: TrainingSettings
) -> None:
    again = Walk(reader, Plan(first, first + 96, 12, refit_h=48), quickly).run()
    assert list(again.releases) == [first, first + 48]
    assert [release.trained_until for release in again.releases.values()] == [first, first + 48]
    early, late = walked.result.origin < first + 47, walked.result.origin >= first + 47
    assert np.array_equal(again.result.p50[early], walked.result.p50[early])
    assert not np.array_equal(again.result.p50[late], walked.result.p50[late])
    begun_there = Walk(reader, Plan(first + 48, first + 96, 12), quickly).run()
    assert np.array_equal(again.result.p50[late], begun_there.result.p50)
