"""When the service counts as started (every polled series has a forecast), and what to show then."""

from rich.console import Console

from dayahead.hours import to_hour
from dayahead.reading.source_file import load_source
from dayahead.storage.status import SeriesStatus
from deploy.local import sample
from deploy.overview import Overview
from deploy.settings import StackSettings
from deploy.tables import accuracy_sentence, forecasts_table, freshness_sentence, rungs_sentence

TRAINING_PARTS = "dayahead_training_parts_total"
"""Metric that counts the finished parts of a training."""


def polled_source(settings: StackSettings, *, in_containers: bool = False) -> str | None:
    """Return the name of the source that `dayahead up` polls; None where its file is in a container alone."""
    file = settings.source_file(in_containers=in_containers)
    return None if file is None else load_source(file).name


def forecast_progress(overview: Overview, source: str | None, *, replays: bool) -> tuple[int, int, int]:
    """Progress towards `all_forecast`: numbers that grow, and no longer do if it will never be reached.

    Returns:
        Series of the source, those with a forecast, and hours of the fast days that their origins have passed (0 unless
        the sample is replayed).
    """
    series = _of(overview, source)
    first, last = sample.first_replayed_hour(), sample.last_fast_hour()
    origins = [to_hour(one.origin) for one in series if one.origin is not None]
    passed = sum(min(max(origin, first), last) - first for origin in origins) if replays else 0
    return len(series), sum(one.rung is not None for one in series), passed


def all_forecast(overview: Overview, source: str | None, *, replays: bool) -> bool:
    """Whether every series of a source has a forecast; for the sample also one that starts after its fast days.

    A degraded or stale forecast counts; other sources do not, since their series may be too short for a forecast.

    Args:
        overview: the status of the series.
        source: name of the polled source; None for all sources.
        replays: whether the sample is replayed.
    """
    series = _of(overview, source)
    if not series or any(one.rung is None or one.origin is None for one in series):
        return False
    return not replays or all(one.origin and to_hour(one.origin) >= sample.last_fast_hour() for one in series)


def _of(overview: Overview, source: str | None) -> list[SeriesStatus]:
    return [one.status for one in overview.series if source in (None, one.status.source)]


def show_series(console: Console, overview: Overview) -> None:
    """Print freshness, rungs and accuracy in one sentence each."""
    for sentence in (freshness_sentence(overview), rungs_sentence(overview), accuracy_sentence(overview.accuracy)):
        console.print(sentence, markup=False, highlight=False)


def show_results(console: Console, overview: Overview, api_port: int, grafana: str, elapsed_s: float) -> None:
    """Print some forecasts, the state of the series, the address of the page, and where Grafana is."""
    console.print()
    console.print(forecasts_table(overview))
    show_series(console, overview)
    page = f"http://localhost:{api_port}"
    console.print(f"\nUp in {elapsed_s:.0f} s. The page: {page}   Stop it: make down", highlight=False)
    console.print(f"Grafana: {grafana}", highlight=False, markup=False, soft_wrap=True)
