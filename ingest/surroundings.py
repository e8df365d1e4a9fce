"""What the settings of the process pass to the readers of sources."""

from contextlib import ExitStack

from dayahead.hours import wall_clock
from dayahead.reading.http.budget import Budgets
from dayahead.reading.source_kind import Surroundings
from dayahead.retry import Pause
from ingest.settings import IngestSettings


def make_surroundings(settings: IngestSettings, pause: Pause, resources: ExitStack, budgets: Budgets) -> Surroundings:
    """Make the surroundings of a reader.

    Args:
        settings: of the process.
        pause: waits; returns True when the process is stopping.
        resources: closes what readers open.
        budgets: of the process.
    """
    return Surroundings(
        clock=wall_clock,
        pause=pause,
        resources=resources,
        base_url=None if settings.source_url is None else str(settings.source_url),
        min_request_interval_s=settings.min_request_interval_s,
        request_timeout_s=settings.request_timeout_s,
        answer_timeout_s=settings.answer_timeout_s,
        max_records=settings.max_records,
        keys=settings.source_keys,
        budgets=budgets,
    )
