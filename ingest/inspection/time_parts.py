"""Sorts the columns of a file by what they say about time: a moment, a day, a time of day, a number of a period."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.reading.arrow import as_numpy
from dayahead.reading.arrow import compute as pc
from dayahead.record_format import AUTO
from ingest.inspection.proposal import Question
from ingest.inspection.time_formats import COMPACT, DATE, DAY_US, FormFit, fits, forms_of

EPOCH_S = (631_152_000, 4_102_444_800)
"""1990 and 2100 in seconds since 1970."""

CLOCK_TEXT = re.compile(r"\d{1,2}:\d{2}(:\d{2})?(\.\d+)?")
PERIODS_OF_DAY = {23: 60, 24: 60, 25: 60, 46: 30, 48: 30, 50: 30, 92: 15, 96: 15, 100: 15}
"""Numbers of periods that a day has, also on the days of clock changes -> minutes of each."""


@dataclass(frozen=True)
class TimePart:
    """What a column says about time.

    Attributes:
        column: its name.
        form: `time_format` of it alone; empty where another column has the day.
        why: how the format was found.
        minutes: of numbered periods: their length; else 0.
        has_clock: whether it says a time of day, perhaps always midnight.
        is_last_24: whether a time of day is 24:00, which only the end of a period is.
        question: about the order of day and month, where nothing shows it.
    """

    column: str
    form: str = ""
    why: str = ""
    minutes: int = 0
    has_clock: bool = False
    is_last_24: bool = False
    question: Question | None = None


@dataclass(frozen=True)
class TimeParts:
    """The columns by what they say."""

    moments: Sequence[TimePart]
    days: Sequence[TimePart]
    clocks: Sequence[TimePart]
    hours: Sequence[TimePart]
    periods: Sequence[TimePart]


def time_parts(columns: "Mapping[str, pa.Array[Any]]", form: str | None) -> TimeParts:
    """Look at each column.

    Args:
        columns: name -> values.
        form: the format, where it is known.
    """
    moments: list[TimePart] = []
    days: list[TimePart] = []
    clocks: list[TimePart] = []
    hours: list[TimePart] = []
    periods: list[TimePart] = []
    for name, column in columns.items():
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            is_day = pa.types.is_date(column.type) or not np.any(_stamps_us(column) % DAY_US)
            has_clock = pa.types.is_timestamp(column.type)
            part = TimePart(name, AUTO, "the file has it as a time", has_clock=has_clock)
            (days if is_day else moments).append(part)
            continue
        distinct = [text for text in pc.unique(column.cast(pa.string())).to_pylist() if text and text.strip()]
        if epoch := _epoch_of(distinct):
            moments.append(TimePart(name, epoch, f"{distinct[0]} counts from 1970"))
        elif distinct and all(CLOCK_TEXT.fullmatch(text.strip()) for text in distinct):
            last = any(text.strip().startswith("24:00") for text in distinct)
            clocks.append(TimePart(name, is_last_24=last))
        elif (numbers := _small_numbers(distinct)) is not None:
            if set(numbers) == set(range(24)):
                hours.append(TimePart(name))
            elif minutes := _numbered_minutes(numbers):
                periods.append(TimePart(name, minutes=minutes))
        elif found := _moment(name, distinct, form):
            part, is_day = found
            (days if is_day else moments).append(part)
    return TimeParts(moments, days, clocks, hours, periods)


def _stamps_us(column: "pa.Array[Any]") -> NDArray[np.int64]:
    kind = pa.timestamp("us", column.type.tz)
    return as_numpy(pc.fill_null(pc.cast(column, kind, safe=False).cast(pa.int64()), 0))


def _epoch_of(distinct: Sequence[str]) -> str:
    if not distinct or not all(re.fullmatch(r"\d{9,10}|\d{12,13}", text.strip()) for text in distinct):
        return ""
    numbers = np.array([int(text) for text in distinct], np.int64)
    for form, unit in (("epoch_s", 1), ("epoch_ms", 1000)):
        in_range = np.all((numbers >= EPOCH_S[0] * unit) & (numbers <= EPOCH_S[1] * unit))
        if in_range and np.mean(numbers % (60 * unit) == 0) > 0.9:
            return form
    return ""


def _small_numbers(distinct: Sequence[str]) -> list[int] | None:
    """The numbers of a column that has nothing but numbers from 0 to 100."""
    if not 2 <= len(distinct) <= 101 or not all(re.fullmatch(r"\d{1,3}(\.0)?", text.strip()) for text in distinct):
        return None
    return [int(float(text)) for text in distinct]


def _numbered_minutes(numbers: Sequence[int]) -> int:
    most = max(numbers)
    return PERIODS_OF_DAY.get(most, 0) if set(numbers) == set(range(1, most + 1)) else 0


def _moment(name: str, distinct: Sequence[str], form: str | None) -> tuple[TimePart, bool] | None:
    """A column of moments or days, and whether it is of days."""
    samples = (
        [distinct[place].strip() for place in np.linspace(0, len(distinct) - 1, 5).astype(int)] if distinct else []
    )
    if sum(bool(DATE.match(text) or COMPACT.match(text)) for text in samples) * 2 <= len(samples):
        return None
    found = fits(distinct, [form] if form and "%" in form else forms_of(distinct))
    if not found:
        return None
    chosen, why, question = _chosen(found, distinct[0])
    wall = chosen.times.wall_us[chosen.times.ok]
    is_day = bool(np.all(chosen.times.is_date | ~chosen.times.ok)) or not np.any(wall % DAY_US)
    last = any("24:00" in text for text in distinct)
    has_clock = bool(np.any(chosen.times.ok))
    return TimePart(name, chosen.form, why, has_clock=has_clock, is_last_24=last, question=question), is_day


def _chosen(found: Sequence[FormFit], example: str) -> tuple[FormFit, str, Question | None]:
    """The format that fits, and the question of the order of day and month where two fit."""
    best = max(found, key=lambda one: one.share)
    found = [one for one in found if one.share >= best.share - 0.02]
    if found[0].form == AUTO and not COMPACT.match(example):
        return found[0], "ISO 8601", None
    found = [one for one in found if one.form != AUTO] or found
    if len(found) == 1:
        return found[0], f"as in {example!r}; no other order of day and month fits", None
    steps = [_daily_steps(one) for one in found]
    order = np.argsort(steps)[::-1]
    first, second = found[order[0]], found[order[1]]
    if steps[order[0]] >= 0.5 and steps[order[0]] > 2 * steps[order[1]]:
        return first, f"as in {example!r}; read so, its days follow each other", None
    forms = [one.form for one in (first, second)]
    return first, "", Question("time-format", f"Is {example!r} day first or month first?", forms)


def _daily_steps(fit: FormFit) -> float:
    """Share of the changes of the day that are to a neighboring day; 0 if there is none."""
    steps = np.abs(np.diff(fit.days))
    return float(np.mean(steps == 1)) if len(steps) else 0.0
