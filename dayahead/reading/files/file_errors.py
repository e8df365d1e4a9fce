"""Errors of the system and of libraries on a file, as errors of a source."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from dayahead.errors import SourceRefused, SourceUnavailable


@contextmanager
def with_source_errors(path: Path) -> Iterator[None]:
    """Turn an error of the system or of a library on a file into one of a source.

    Args:
        path: the file.

    Raises:
        SourceUnavailable: it does not exist, is damaged or still being written.
        SourceRefused: it may not be read.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise SourceUnavailable(f"{path} does not exist (yet)", cause="no_file") from error
    except (pa.ArrowException, UnicodeError, EOFError) as error:
        raise damaged(path, error) from error
    except OSError as error:
        if error.errno is None:  # Arrow's, of the content
            raise damaged(path, error) from error
        raise SourceRefused(f"{path} cannot be read: {error.strerror or error}") from error


def damaged(path: Path, error: Exception) -> SourceUnavailable:
    """The error of a file whose content a library cannot read."""
    reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    return SourceUnavailable(
        f"{path} cannot be read: {reason}. It may still be being written; if this stays, it is damaged: write it again",
        cause="bad_answer",
    )
