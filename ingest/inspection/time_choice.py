"""Chooses the columns that make the time of a record, and reads them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.errors import SourceRefused
from dayahead.reading.arrow import compute as pc
from dayahead.reading.record_table import RecordTable
from dayahead.reading.time_columns import TimeColumns
from dayahead.reading.time_text import ParsedTimes
from dayahead.reading.wall_times import MINUTE_US
from dayahead.record_format import AUTO, EPOCHS, PERIOD, RecordFormat
from ingest.inspection.proposal import BY_OPTION, Answers, Question, Said
from ingest.inspection.raw_file import RawFile
from ingest.inspection.time_parts import TimePart, TimeParts, time_parts

FIRST_MARKS = {"CEST", "BST", "WEST", "EEST", "EDT", "CDT", "MDT", "PDT", "AEDT", "NZDT"}
SECOND_MARKS = {"CET", "GMT", "WET", "EET", "EST", "CST", "MST", "PST", "AEST", "NZST"}
LAST_WORD = re.compile(r"\s+\(?([A-Za-z]{1,5})\)?$")
STARTS = {"start", "begin", "from", "von", "fra", "beginning", "beginn", "starting"}
ENDS = {"end", "ending", "to", "bis", "til", "he", "ende", "slut", "until", "stop"}


@dataclass(frozen=True)
class TimeChoice:
    """The time of the records.

    Attributes:
        fields: time_column or time_columns, time_format and what else the texts say.
        times: [n] as read with them.
        columns: the columns used.
        others: further columns that say a time; no labels and no values.
        label: start or end, where the texts or names say it.
        zone: where a name says it.
        minutes: length of numbered periods; 0: found in the data.
        questions: open ones.
    """

    fields: dict[str, Said]
    times: ParsedTimes
    columns: Sequence[str]
    others: Sequence[str] = ()
    label: Said | None = None
    zone: Said | None = None
    minutes: int = 0
    questions: list[Question] = field(default_factory=list)

    @property
    def minute(self) -> NDArray[np.int64]:
        """[n] minutes since 1970: UTC where the times have an offset; numbered periods are placed in their day."""
        before: NDArray[np.int64] = np.maximum(self.times.period - 1, 0) * self.minutes
        return self.times.wall_us // MINUTE_US + before


def choose_time(raw: RawFile, answers: Answers) -> TimeChoice:
    """Choose the time of the records of a file.

    Args:
        raw: its columns.
        answers: time columns and format, where they are known.

    Raises:
        SourceRefused: it has no time, or values of whole days.
    """
    columns = raw.columns
    if answers.time_columns:
        wanted = [name.strip() for name in answers.time_columns.split(",")]
        if missing := [name for name in wanted if name not in columns]:
            raise SourceRefused(f"{raw.name} has no column {', '.join(missing)}; there are: {', '.join(columns)}")
        columns = {name: columns[name] for name in wanted}
    parts = time_parts(columns, answers.time_format)
    if not (parts.moments or parts.clocks or parts.hours or parts.periods):
        midnights = [part for part in parts.days if part.has_clock]
        parts = replace(parts, moments=midnights, days=[part for part in parts.days if not part.has_clock])
    if parts.moments:
        choice = _of_moments(raw, parts)
    elif parts.days:
        choice = _of_days(raw, parts)
    else:
        raise SourceRefused(
            f"{raw.name} has no column with times that are recognized; its columns are {', '.join(raw.columns)}: name "
            "that of the time with --time-columns and its format with --time-format '%d.%m.%Y %H:%M'"
        )
    return _as_answered(raw, choice, answers)


def _of_moments(raw: RawFile, parts: TimeParts) -> TimeChoice:
    found = [(part, _read(raw, [part.column], part.form)) for part in parts.moments]
    part, times = max(found, key=lambda one: _rank(*one))
    others = [one.column for one, _ in found if one is not part] + [one.column for one in (*parts.days, *parts.clocks)]
    label = _label_of_form(part) or _label_of_name(part.column)
    for other, end in found:
        if other is part or not (minutes := _constant_distance(times, end)):
            continue
        if abs(minutes) < 60 or _label_of_name(part.column) or _label_of_name(other.column):  # no clock of another zone
            names = (part.column, other.column) if minutes > 0 else (other.column, part.column)
            label = Said("start" if minutes > 0 else "end", f"{names[1]} is always {abs(minutes)} min after {names[0]}")
    fields = {"time_column": Said(part.column, _why_column(part, others)), **_form(part.form, part.why)}
    zone = Said("UTC", f"the name of column {part.column} says it") if _says_utc(part.column) else None
    choice = TimeChoice(fields, times, [part.column], others, label, zone)
    if part.question:
        choice.questions.append(part.question)
    return _with_marks(raw, choice, part)


def _rank(part: TimePart, times: ParsedTimes) -> tuple[bool, int, bool]:
    """A time with an offset before one in UTC by its name, before one that names the start."""
    label = _label_of_name(part.column)
    return (
        bool(np.any(times.has_offset)) or _says_utc(part.column),
        len(np.unique(times.wall_us)),
        (label is None or label.value == "start"),
    )


def _of_days(raw: RawFile, parts: TimeParts) -> TimeChoice:
    day = parts.days[0]
    for kind, more in (("clock", parts.clocks), ("period", parts.periods), ("hour", parts.hours)):
        if not more:
            continue
        part = more[0]
        form = _joined_form(day.form, raw.columns[part.column], kind)
        columns = [day.column, part.column]
        label = Said("end", f"24:00 in column {part.column} is the end of a period") if part.is_last_24 else None
        label = label or _label_of_name(part.column)
        if kind == "period":
            label = Said("start", f"column {part.column} numbers the periods of a day")
        why = {"clock": "the day and the time of day", "period": "the day and the number of its period"}
        fields = {
            "time_columns": Said(columns, why.get(kind, "the day and its hour, 0 to 23")),
            **_form(form, day.why),
        }
        others = [one.column for one in (*parts.days[1:], *parts.clocks, *parts.hours) if one.column not in columns]
        choice = TimeChoice(fields, _read(raw, columns, form), columns, others, label, minutes=part.minutes)
        if day.question:
            forms = [_joined_form(one, raw.columns[part.column], kind) for one in day.question.choices]
            choice.questions.append(replace(day.question, choices=forms))
        return choice
    raise SourceRefused(
        f"{raw.name}: column {day.column} has days without a time of day, and no other column has it. A value of a day "
        "is no value of an hour: Dayahead needs a record for each hour or less, not totals of days or the hours of a "
        "day in columns"
    )


def _joined_form(form: str, column: "pa.Array[Any]", kind: str) -> str:
    """The format of a day and the rest of its time, joined by a blank."""
    day = re.sub(r"[T ]?%H.*$", "*", form)
    if kind == "period":
        return f"{'%Y-%m-%d' if form == AUTO else day} {PERIOD}"
    if kind == "hour":
        return f"{'%Y-%m-%d' if form == AUTO else day} %H"
    if form == AUTO:
        return AUTO
    has_seconds = str(pc.unique(column.cast(pa.string()))[0]).count(":") == 2
    return f"{day} %H:%M{':%S' if has_seconds else ''}"


def _form(form: str, why: str) -> dict[str, Said]:
    return {} if form == AUTO else {"time_format": Said(form, why)}


def minute_as_written(raw: RawFile, choice: TimeChoice) -> NDArray[np.int64]:
    """Minutes since 1970 as the texts have them, without their offset.

    Args:
        raw: the columns.
        choice: the time.

    Returns:
        [n] minutes; where there is no offset those of the choice.
    """
    column = raw.columns[choice.columns[0]]
    if len(choice.columns) > 1 or not np.any(choice.times.has_offset) or not pa.types.is_string(column.type):
        return choice.minute
    form = choice.fields.get("time_format", Said(AUTO, "")).value
    texts = pc.replace_substring_regex(pc.utf8_trim_whitespace(column), r"\s*(Z|UTC|GMT|[+-]\d\d:?(\d\d)?)$", "")
    table = RecordTable(pa.table({choice.columns[0]: texts}))
    times = TimeColumns(_record_format(choice.columns, form)).read(table)
    minute: NDArray[np.int64] = times.wall_us // MINUTE_US
    return np.where(times.ok & ~times.has_offset, minute, choice.minute)


def _label_of_form(part: TimePart) -> Said | None:
    if part.form.endswith("*"):
        return Said("start", "the text has start and end of the period")
    if part.is_last_24:
        return Said("end", "24:00 is the end of a period")
    return None


def _label_of_name(name: str) -> Said | None:
    words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-zæøåäöüß]+", name)}
    if words & ENDS:
        return Said("end", f"the name of column {name} says it")
    return Said("start", f"the name of column {name} says it") if words & STARTS else None


def _says_utc(name: str) -> bool:
    return re.search(r"utc|gmt|zulu", name, re.IGNORECASE) is not None


def _why_column(part: TimePart, others: Sequence[str]) -> str:
    form = "ISO 8601" if part.form == AUTO else "times since 1970" if part.form in EPOCHS else "times"
    return f"{form}; also times, not used: {', '.join(others)}" if others else f"the only column with {form}"


def _constant_distance(times: ParsedTimes, other: ParsedTimes) -> int:
    """Minutes from one time to another that is always as much later, by at most an hour; 0: it is not."""
    both = times.ok & other.ok
    distances = np.unique((other.wall_us - times.wall_us)[both] // MINUTE_US)
    return int(distances[0]) if len(distances) == 1 and 1 <= abs(distances[0]) <= 60 else 0


def _read(raw: RawFile, columns: Sequence[str], form: str, **marks: list[str]) -> ParsedTimes:
    return TimeColumns(_record_format(columns, form, **marks)).read(raw.table())


def _record_format(columns: Sequence[str], form: str, **more: Any) -> RecordFormat:
    named: Mapping[str, Any] = {"time_column": columns[0]} if len(columns) == 1 else {"time_columns": list(columns)}
    return RecordFormat(**named, time_format=form, period_minutes=60 if PERIOD in form else AUTO, **more)


def _with_marks(raw: RawFile, choice: TimeChoice, part: TimePart) -> TimeChoice:
    """Add the words after a time that distinguish the two equal times of an autumn night."""
    column = raw.columns[part.column]
    if choice.times.ok.all() or not pa.types.is_string(column.type):
        return choice
    texts = column.to_pylist()
    words: dict[str, int] = {}
    for place in np.flatnonzero(~choice.times.ok).tolist():
        if (text := texts[place]) and (word := LAST_WORD.search(text.strip())):
            words.setdefault(word[1], place)
    first, second = [one for one in words if one in FIRST_MARKS], [one for one in words if one in SECOND_MARKS]
    for one, place in words.items():
        if one not in (*first, *second) and (is_second := _is_second(texts, place)) is not None:
            (second if is_second else first).append(one)
    if not (first or second):
        return choice
    times = _read(raw, [part.column], part.form, first_marks=first, second_marks=second)
    fields = dict(choice.fields)
    for name, marks in (("first_marks", first), ("second_marks", second)):
        if marks:
            fields[name] = Said(marks, "at the end of a time: which of two equal times of an autumn night it is")
    return replace(choice, fields=fields, times=times)


def _is_second(texts: Sequence[str | None], place: int) -> bool | None:
    """Whether a marked time comes after the same time without the mark; None: that does not occur."""
    marked = texts[place]
    assert marked is not None
    bare = LAST_WORD.sub("", marked.strip())
    near = [other for other, text in enumerate(texts) if text == bare]
    return None if not near else place > near[0]


def _as_answered(raw: RawFile, choice: TimeChoice, answers: Answers) -> TimeChoice:
    if answers.time_format is None:
        return choice
    form = answers.time_format
    fields = {name: said for name, said in choice.fields.items() if name != "time_format"}
    fields |= {} if form == AUTO else {"time_format": Said(form, BY_OPTION)}
    times = _read(raw, choice.columns, form)
    questions = [one for one in choice.questions if one.option != "time-format"]
    return replace(choice, fields=fields, times=times, questions=questions)
