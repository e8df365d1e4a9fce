"""Translates the time format of a source to a regular expression, and checks it."""

import re

from dayahead.record_format import ANYTHING, AUTO, EPOCHS, PERIOD

DIRECTIVES = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "e": r"(?P<d>\d{1,2})",
    "b": r"(?P<b>\pL{3,9})\.?",
    "B": r"(?P<b>\pL{3,9})",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<H>\d{1,2})",
    "M": r"(?P<M>\d{2})",
    "S": r"(?P<S>\d{2})",
    "f": r"(?P<f>\d{1,9})",
    "p": r"(?P<p>[AaPp])\.?[Mm]\.?",
    "z": r"(?P<z>Z|UTC|GMT|[+-]\d{2}:?(?:\d{2})?)",
    "a": r"\pL+\.?",
    "A": r"\pL+",
    "%": "%",
}
NEEDED = {
    "the year (%Y)": {"Y", "y"},
    "the month (%m)": {"m", "b"},
    "the day (%d)": {"d"},
    "the time of day (%H:%M) or {period}": {"H", "period"},
}
"""What a pattern must have -> the groups of which one gives it."""


def pattern_of(form: str) -> str:
    """The regular expression of a pattern of strptime.

    Args:
        form: with directives like %d, `{period}` for the number of a period and `*` for any text.

    Raises:
        ValueError: a directive is not known, or given twice.
    """
    given: set[str] = set()
    parts: list[str] = []
    rest = form
    while rest:
        if rest.startswith(PERIOD):
            parts.append(r"(?P<period>\d{1,4})")
            rest = rest[len(PERIOD) :]
        elif rest[0] == ANYTHING:
            parts.append(".*")
            rest = rest[1:]
        elif rest[0] == "%" and len(rest) > 1:
            if rest[1] not in DIRECTIVES:
                raise ValueError(f"time_format {form!r}: %{rest[1]} is unknown; there are %{' %'.join(DIRECTIVES)}")
            piece = DIRECTIVES[rest[1]]
            name = piece[:6]
            if "?P<" in name and name in given:
                raise ValueError(f"time_format {form!r} has %{rest[1]} twice: write * for the end of an interval")
            given.add(name)
            parts.append(piece)
            rest = rest[2:]
        elif rest[0].isspace():
            parts.append(r"\s+")
            rest = rest.lstrip()
        else:
            parts.append(re.escape(rest[0]))
            rest = rest[1:]
    return "".join(parts)


def check_complete(form: str) -> None:
    """Check that a time format names a day and a time of day.

    Args:
        form: as in a source.

    Raises:
        ValueError: it lacks a part of a time, which would be made up.
    """
    if form == AUTO or form in EPOCHS:
        return
    given = set(re.findall(r"\?P<(\w+)>", pattern_of(form)))
    if missing := [what for what, groups in NEEDED.items() if not groups & given]:
        raise ValueError(
            f"time_format {form!r} lacks {', '.join(missing)}: name all columns of the time in time_columns"
        )
    if "%I" in form and "p" not in given:
        raise ValueError(f"time_format {form!r} has hours to 12 (%I) and no %p: write %H if they go to 24")
