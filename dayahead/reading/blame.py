"""Makes an error that reading did not foresee one of the source, so that it ends one poll and no process."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from dayahead.errors import DayaheadError, SourceRefused
from dayahead.source import Source

log = structlog.get_logger()


@contextmanager
def blamed_on(source: Source) -> Iterator[None]:
    """Raise any error that is not one of Dayahead's own as an error of the source; its traceback is logged.

    Args:
        source: what is read inside.

    Raises:
        SourceRefused: an error that was not foreseen.
    """
    try:
        yield
    except DayaheadError:
        raise
    except Exception as error:
        log.exception("source_unreadable", source=source.name)
        raise SourceRefused(
            f"source {source.name} cannot be read: {type(error).__name__}: {error}. The log has the details; a record "
            "that no rule foresees is a defect of Dayahead"
        ) from error
