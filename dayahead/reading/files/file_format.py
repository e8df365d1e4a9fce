"""Recognizes the format of a file by its first bytes, where its name says another one."""

from pathlib import Path

from dayahead.errors import SourceRefused, SourceUnavailable

STARTS = {
    b"PK\x03\x04": ("an Excel workbook or a ZIP archive", "name it .xlsx, or unpack it"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save it as .xlsx or CSV"),
    b"\x1f\x8b": ("compressed with gzip", "add .gz to its name"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "add .zst to its name"),
    b"PAR1": ("Parquet", "name it .parquet"),
    b"\xff\xfe\0\0": ("text in UTF-32", "save it in UTF-8"),
}
NEEDED = {".xlsx": b"PK\x03\x04", ".parquet": b"PAR1", ".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
LONGEST = 8


def check_start(path: Path) -> None:
    """Check that a file starts as its name says; text has no start of its own.

    Raises:
        SourceUnavailable: the file is empty.
        SourceRefused: it has another format.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(LONGEST)
    if not start.strip(b"\0"):
        raise SourceUnavailable(f"{path} is empty: it may be about to be written", cause="bad_answer")
    needed = NEEDED.get(path.suffix.lower())
    if needed is None:
        check_text(start, path)
    elif not start.startswith(needed[: len(start)]):
        what, remedy = recognized(start) or ("of another format", "name it by its format, such as .csv")
        raise SourceRefused(f"{path} is not {path.suffix.lower()} but {what}: {remedy}")


def check_text(start: bytes, path: Path) -> None:
    """Check that bytes may be the start of a text.

    Raises:
        SourceRefused: they are the start of another format.
    """
    if found := recognized(start):
        raise SourceRefused(f"{path} is not text but {found[0]}: {found[1]}")


def recognized(start: bytes) -> tuple[str, str] | None:
    """What a file with such a start is, and what to do about it; None if it may be text."""
    return next((found for known, found in STARTS.items() if start.startswith(known)), None)
