"""Finds the data files that a path means: one file, all files of a folder, or those that a pattern matches."""

import glob
import os
from pathlib import Path
from typing import Literal

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable

TEXT = (".csv", ".txt", ".tsv")
COMPRESSED: dict[str, Literal["gzip", "zstd"]] = {".gz": "gzip", ".zst": "zstd"}
WORKBOOK, PARQUET = ".xlsx", ".parquet"
ENDINGS = (*(text + packed for text in TEXT for packed in ("", *COMPRESSED)), WORKBOOK, PARQUET)
WILDCARDS = "*?["
UNFINISHED = (".", "~")
"""Starts of the names of hidden and temporary files, such as the lock that Excel leaves next to an open workbook."""

FileVersion = tuple[str, int, int]
"""Name, modification time (ns since 1970) and size (bytes) of a file; it changes when the file does."""


def ending_of(path: Path) -> str | None:
    """The ending that says how a file is read, in lower case; None if there is no reader for it."""
    name = path.name.lower()
    return next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if name.endswith(ending)), None)


def check_ending(path: Path) -> None:
    """Check the name of a file; a folder, and a name without an ending that may become one, has none.

    Raises:
        SettingsError: no file with this ending can be read.
    """
    # os.path, since it answers False where the path may not be looked at: the read raises the error
    may_be_many = os.path.isdir(path) or _is_open(path.suffix) or not (path.suffix or os.path.isfile(path))
    if ending_of(path) is None and not may_be_many:
        raise SettingsError(f"{path}: {_known_endings()}")


def find_files(path: Path) -> list[Path]:
    """List data files in the order of their names.

    Args:
        path: a file; a folder: every data file directly in it; or a pattern: the data files that it matches.

    Raises:
        SourceUnavailable: there is no such file yet.
        SourceRefused: it has an ending that cannot be read.
    """
    if path.is_dir():
        found = [file for file in path.iterdir() if file.is_file()]
    elif path.exists():
        if ending_of(path) is None:
            raise SourceRefused(f"{path}: {_known_endings()}")
        return [path]
    elif _is_open(str(path)):
        found = [Path(name) for name in glob.glob(str(path), recursive=True) if Path(name).is_file()]
    else:
        raise SourceUnavailable(f"{path} does not exist (yet)", cause="no_file")
    files = sorted(file for file in found if ending_of(file) and not file.name.startswith(UNFINISHED))
    if not files:
        other = f" among {len(found)} other files" if found else ""
        raise SourceUnavailable(f"{path} has no data file (yet){other}: {_known_endings()}", cause="no_file")
    return files


def version_of(path: Path) -> FileVersion:
    """The version of one file.

    Raises:
        OSError: it cannot be looked at.
    """
    status = path.stat()
    return str(path), status.st_mtime_ns, status.st_size


def _is_open(text: str) -> bool:
    """Whether a path holds a wildcard."""
    return any(mark in text for mark in WILDCARDS)


def _known_endings() -> str:
    return f"the name of a data file ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
