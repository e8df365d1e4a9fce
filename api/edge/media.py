"""Chooses the media type of an answer by the `Accept` header (RFC 9110, section 12.5.1)."""

from functools import lru_cache

JSON = "application/json"
HTML = "text/html"

MAX_ACCEPT_LENGTH = 2000
"""Characters of the header that are read; browsers send about 150."""


@lru_cache(maxsize=256)
def best_type(accept: str, offered: tuple[str, ...]) -> str | None:
    """Choose the media type of an answer.

    Args:
        accept: the value of the header; empty accepts everything.
        offered: what the resource can answer, the preferred one first.

    Returns:
        The offered type with the highest quality, the first of equals; None where none is acceptable.
    """
    if not accept.strip():
        return offered[0]
    ranges = [_range(part) for part in accept[:MAX_ACCEPT_LENGTH].split(",") if part.strip()]
    qualities = [_quality(media_type, ranges) for media_type in offered]
    best = max(qualities)
    return offered[qualities.index(best)] if best > 0 else None


def _range(part: str) -> tuple[str, float]:
    """A media range and its quality."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return name, float(value)
            except ValueError:
                return name, 0.0
    return name, 1.0


def _quality(media_type: str, ranges: list[tuple[str, float]]) -> float:
    """Return the quality of a type: that of the most specific range that covers it."""
    main = media_type.split("/", maxsplit=1)[0]
    found = dict(reversed(ranges))  # the first of two that are equal counts
    for name in (media_type, f"{main}/*", "*/*"):
        if name in found:
            return found[name]
    return 0.0
