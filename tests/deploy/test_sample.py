import pyarrow.parquet

from dayahead.hours import parse_utc, to_hour
from dayahead.reading.source_file import load_source
from deploy.local import sample


def test_history_and_replay_share_the_hours_of_the_sample_and_the_fast_days_let_forecasts_mature() -> None:
    hours = sorted(set(pyarrow.parquet.read_table(sample.DATA, columns=["HourUTC"])["HourUTC"].to_pylist()), key=str)
    assert hours[0] == f"{sample.FIRST_HOUR}:00:00"
    first, last = parse_utc(f"{sample.FIRST_REPLAYED_HOUR}:00Z"), parse_utc(f"{hours[-1]}Z")
    replayed = int((last - first).total_seconds()) // 3600 + 1
    assert 24 < sample.FAST_HOURS < replayed
    assert to_hour(first) == sample.first_replayed_hour()
    assert sample.first_replayed_hour() + 24 < sample.last_fast_hour() < to_hour(last)


def test_each_poll_of_the_fast_days_finds_the_next_hour() -> None:
    assert load_source(sample.SOURCE).poll_interval_s >= sample.FAST_SECONDS_PER_HOUR
