"""When the service counts as started (every polled series has a forecast), and what to show then."""

from rich.console import Console

from dayahead.reading.source_file import load_source
from deploy.local import sample
from deploy.overview import Overview
from deploy.settings import StackSettings
from deploy.tables import accuracy_sentence, forecasts_table, freshness_sentence, rungs_sentence

TRAINING_PARTS = "dayahead_training_parts_total"
"""Metric that counts the finished parts of a training."""


def polled_source(settings: StackSettings) -> str:
    """Return the name of the source that `dayahead up` polls."""
    return load_source(settings.source or sample.SOURCE).name


def forecast_progress(overview: Overview, source: str, *, replays: bool) -> tuple[int, int, int]:
    """Progress towards `all_forecast`; it stops changing if that will never be reached.

    Returns:
        Series of the source, those with a forecast, and scored forecasts (of the sample only as many as it waits for).
    """
    rungs = _rungs(overview, source)
    wanted = len(rungs) * sample.FAST_ORIGINS_SCORED if replays else 0
    return len(rungs), len(rungs) - rungs.count(None), min(overview.accuracy.forecasts, wanted)


def all_forecast(overview: Overview, source: str, *, replays: bool) -> bool:
    """Whether every series of a source has a forecast; for the sample also whether its fast days are over.

    A degraded or stale forecast counts; other sources do not, since their series may be too short for a forecast.

    Args:
        overview: the status of the series.
        source: name of the polled source.
        replays: whether the sample is replayed.
    """
    rungs = _rungs(overview, source)
    if not rungs or None in rungs:
        return False
    return not replays or overview.accuracy.forecasts >= len(rungs) * sample.FAST_ORIGINS_SCORED


def _rungs(overview: Overview, source: str) -> list[int | None]:
    return [one.status.rung for one in overview.series if one.status.source == source]


def show_series(console: Console, overview: Overview) -> None:
    """Print freshness, rungs and accuracy in one sentence each."""
    for sentence in (freshness_sentence(overview), rungs_sentence(overview), accuracy_sentence(overview.accuracy)):
        console.print(sentence, markup=False, highlight=False)


def show_results(console: Console, overview: Overview, api_port: int, elapsed_s: float) -> None:
    """Print some forecasts, the state of the series, and the address of the page."""
    console.print()
    console.print(forecasts_table(overview))
    show_series(console, overview)
    page = f"http://localhost:{api_port}"
    console.print(f"\nUp in {elapsed_s:.0f} s. The page: {page}   Stop it: make down", highlight=False)
