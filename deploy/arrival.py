"""When the service has arrived where a person wants it: every series has a forecast; and what is shown then."""

from rich.console import Console

from deploy.local import sample
from deploy.overview import Overview
from deploy.tables import accuracy_sentence, forecasts_table, freshness_sentence, rungs_sentence

TRAINING_PARTS = "dayahead_training_parts_total"
"""Counts what the trainer has done of a training."""


def forecast_progress(overview: Overview, *, replays: bool) -> tuple[int, int, int]:
    """How far the service is on the way to `all_forecast`; it stops changing where that will never come about.

    Returns:
        Series, those that are fresh, and forecasts that are scored, of the sample only as many as are waited for.
    """
    wanted = len(overview.series) * sample.FAST_ORIGINS_SCORED if replays else 0
    return len(overview.series), overview.fresh, min(overview.accuracy.forecasts, wanted)


def all_forecast(overview: Overview, *, replays: bool) -> bool:
    """Whether every series has a forecast of the model; of the sample also whether its fast days are over.

    Args:
        overview: how the series stand.
        replays: whether the sample is replayed.
    """
    if not overview.series or overview.fresh < len(overview.series):
        return False
    return not replays or overview.accuracy.forecasts >= len(overview.series) * sample.FAST_ORIGINS_SCORED


def show_series(console: Console, overview: Overview) -> None:
    """Print freshness, rungs and accuracy, a sentence each."""
    for sentence in (freshness_sentence(overview), rungs_sentence(overview), accuracy_sentence(overview.accuracy)):
        console.print(sentence, markup=False, highlight=False)


def show_results(console: Console, overview: Overview, api_port: int, elapsed_s: float) -> None:
    """Print some forecasts, how the series stand, and where the page is."""
    console.print()
    console.print(forecasts_table(overview))
    show_series(console, overview)
    page = f"http://localhost:{api_port}"
    console.print(f"\nUp in {elapsed_s:.0f} s. The page: {page}   Stop it: make down", highlight=False)
