"""Chooses the columns that identify a series, and those with its values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.errors import SourceRefused
from dayahead.reading.arrow import as_numpy
from dayahead.reading.arrow import compute as pc
from ingest.inspection.number_marks import NumberMarks, number_marks
from ingest.inspection.proposal import BY_OPTION, Answers, Question, Said
from ingest.inspection.raw_file import RawFile
from ingest.inspection.time_choice import TimeChoice
from ingest.inspection.units import unit_in, unit_of_column

MOST_REPEATED = 0.01
"""Share of the records that may have the series and time of another one."""

MOST_SERIES_SHARE = 0.34
"""A label has at most so many values, as a share of the records; a text with more is a remark."""

WIDE = 6
"""Columns of numbers from which on each is a series, not a quantity of its own."""

NAMES_OF_KEYS = re.compile(
    r"(?:^|[^a-z])(?:id|no|nr|code|kode|key|meter|site|zone|area|region|series|household|house|municipality|kommune)"
    r"(?:$|[^a-z])"
)
NAMES_OF_VALUES = re.compile(
    r"value|load|demand|consum|energy|power|usage|quantity|actual|verbrauch|last|wert|forbrug|m.{1,2}ngde|volume|reading"
)


@dataclass(frozen=True)
class SeriesChoice:
    """Labels and values.

    Attributes:
        fields: key_columns, value_column and the like.
        values: columns with values.
        series: [n] number of the combination of labels of each record.
        marks: how numbers are written.
        unused: columns that are neither.
        questions: open ones.
    """

    fields: dict[str, Said]
    values: Sequence[str]
    series: NDArray[np.int64]
    marks: NumberMarks
    unused: Sequence[str] = ()
    questions: list[Question] = field(default_factory=list)


def choose_series(raw: RawFile, time: TimeChoice, answers: Answers) -> SeriesChoice:
    """Choose labels and values of a file whose time is known.

    Args:
        raw: its columns.
        time: of each record.
        answers: columns and marks, where they are known.

    Raises:
        SourceRefused: it has no column of numbers, or not the columns of the answers.
    """
    rest = {
        name: one for name, one in raw.columns.items() if name not in (*time.columns, *time.others) and _has_any(one)
    }
    rest = {name: one for name, one in rest.items() if unit_of_column(one) is None}
    texts = {name: one for name, one in rest.items() if pa.types.is_string(one.type)}
    marks = number_marks(texts, answers.decimal, answers.thousands)
    numbers = [name for name, one in rest.items() if name in marks.columns or _is_typed_number(one)]
    numbers = [name for name in numbers if not _numbers_rows(rest[name])] or numbers
    codes = {name: _codes(column) for name, column in rest.items()}
    moments = _joined_codes([_number_codes(time.times.wall_us), _number_codes(time.times.period), time.times.mark])
    keys, why_keys = _keys(raw, rest, numbers, codes, moments[time.times.ok], time, answers)
    candidates = [name for name in numbers if name not in keys]
    values, why_value, questions = _values(raw, candidates, codes, answers)
    series = _joined_codes([_codes(raw.columns[name]) for name in keys]) if keys else np.zeros(raw.rows, np.int64)
    fields = {"key_columns": Said(keys or ["file"], why_keys)}
    if not keys:
        fields["constant_labels"] = Said({"file": raw.name}, "a label of your choice: no column tells series apart")
    unused = [name for name in raw.columns if name not in {*keys, *values}]
    is_rest = set(unused) <= set(time.columns)
    fields |= _value_fields(values, why_value, answers, is_rest=is_rest)
    return SeriesChoice(fields, values, series, marks, unused, questions)


def _numbers_rows(column: "pa.Array[Any]") -> bool:
    """Whether a column counts the records."""
    if len(column) < 3 or column.null_count or not _is_whole(column):
        return False
    numbers = as_numpy(pc.cast(column, pa.float64()))
    return bool(np.all(np.diff(numbers) == 1))


def _has_any(column: "pa.Array[Any]") -> bool:
    """Whether a column has more than nulls and blanks."""
    if column.null_count == len(column) or not pa.types.is_string(column.type):
        return column.null_count < len(column)
    return bool(pc.any(pc.not_equal(pc.utf8_trim_whitespace(column), "")).as_py())


def _is_typed_number(column: "pa.Array[Any]") -> bool:
    return pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)


def _codes(column: "pa.Array[Any]") -> NDArray[np.int64]:
    encoded = pc.dictionary_encode(column, null_encoding="encode")
    return as_numpy(encoded.indices).astype(np.int64)


def _number_codes(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


def _joined_codes(codes: "Sequence[NDArray[Any]]") -> NDArray[np.int64]:
    """One number for each combination."""
    joined = codes[0].astype(np.int64)
    for one in codes[1:]:
        joined = _number_codes(joined * (int(one.max(initial=0)) + 1) + one)
    return joined


def _keys(
    raw: RawFile,
    rest: "Mapping[str, pa.Array[Any]]",
    numbers: Sequence[str],
    codes: Mapping[str, NDArray[np.int64]],
    moments: NDArray[np.int64],
    time: TimeChoice,
    answers: Answers,
) -> tuple[list[str], str]:
    """The columns that identify a series, and why."""
    if answers.keys is not None:
        keys = [] if answers.keys.strip() in ("", "none") else _named(raw, answers.keys)
        return keys, BY_OPTION
    read = {name: one[time.times.ok] for name, one in codes.items()}
    most = max(2, int(MOST_SERIES_SHARE * len(moments)))
    few = {name for name, one in read.items() if int(one.max(initial=0)) < most}
    keys = [
        name
        for name in rest
        if name in few and (name not in numbers or NAMES_OF_KEYS.search(_spaced(name)) is not None)
    ]
    integers = [name for name in numbers if name in few and name not in keys and _is_whole(rest[name])]
    for name in integers:  # a number that tells equal times apart is a label
        if len(numbers) - len([key for key in keys if key in numbers]) < 2 or not _repeats(moments, keys, read):
            break
        keys.append(name)
    for name in [*keys][::-1]:  # a remark changes within a series
        others = [key for key in keys if key != name]
        if not _repeats(moments, others, read) and not _is_determined(name, others, read):
            keys.remove(name)
    keys = _without_constants([name for name in rest if name in keys], read)
    count = len(np.unique(_joined_codes([read[name] for name in keys]))) if keys else 1
    return keys, f"{count} series: each time occurs once in each" if keys else ""


def _without_constants(keys: list[str], codes: Mapping[str, NDArray[np.int64]]) -> list[str]:
    """Leave out columns that are the same everywhere, but for those that a name calls a label, and one at least."""
    left = [name for name in keys if int(codes[name].max(initial=0)) > 0 or NAMES_OF_KEYS.search(_spaced(name))]
    return left or keys[:1]


def _spaced(name: str) -> str:
    """A name whose words are separated: MeterId as meter id."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _is_whole(column: "pa.Array[Any]") -> bool:
    if not pa.types.is_string(column.type):
        return pa.types.is_integer(column.type)
    texts = pc.drop_null(pc.unique(pc.utf8_trim_whitespace(column.cast(pa.string()))))
    return bool(pc.all(pc.match_substring_regex(texts, r"^\d+(\.0)?$")).as_py())


def _repeats(moments: NDArray[np.int64], keys: Sequence[str], codes: Mapping[str, NDArray[np.int64]]) -> bool:
    """Whether records have the time and labels of others, more often than clock changes and corrections explain."""
    joined = _joined_codes([moments, *(codes[name] for name in keys)])
    repeated = len(joined) - len(np.unique(joined))
    return repeated > max(4, MOST_REPEATED * len(joined))


def _is_determined(name: str, others: Sequence[str], codes: Mapping[str, NDArray[np.int64]]) -> bool:
    """Whether a column has one value for each combination of the others: as the region of a meter."""
    if not others:
        return True
    joined = _joined_codes([codes[other] for other in others])
    return len(np.unique(_joined_codes([joined, codes[name]]))) == len(np.unique(joined))


def _values(
    raw: RawFile, candidates: Sequence[str], codes: Mapping[str, NDArray[np.int64]], answers: Answers
) -> tuple[list[str], str, list[Question]]:
    """The columns with values, why, and the question where several could be it."""
    if answers.value is not None:
        return list(candidates) if answers.value == "all" else _named(raw, answers.value), BY_OPTION, []
    varying = [name for name in candidates if int(codes[name].max(initial=0)) > 0] or list(candidates)
    if not varying:
        raise SourceRefused(
            f"{raw.name} has no column of numbers among {', '.join(raw.columns)}: name that of the values with --value "
            "and the decimal mark with --decimal"
        )
    if len(varying) == 1:
        return varying, "the only column of numbers", []
    shapes = {re.sub(r"\d+", "0", name) for name in varying}
    if len(shapes) == 1 or (len(varying) >= WIDE and not any(unit_in(name) for name in varying)):
        return list(candidates), f"{len(candidates)} columns of numbers: each is a series, labelled by its name", []
    likely = [name for name in varying if NAMES_OF_VALUES.search(name.lower()) or unit_in(name)]
    order = [*likely, *(name for name in varying if name not in likely)]
    return order[:1], "", [Question("value", "Which column has the values?", [*order, "all"])]


def _named(raw: RawFile, names: str) -> list[str]:
    wanted = [name.strip() for name in names.split(",")]
    if missing := [name for name in wanted if name not in raw.columns]:
        raise SourceRefused(f"{raw.name} has no column {', '.join(missing)}; there are: {', '.join(raw.columns)}")
    return wanted


def _value_fields(values: Sequence[str], why: str, answers: Answers, *, is_rest: bool) -> dict[str, Said]:
    """The fields that name the values.

    Args:
        values: their columns.
        why: the evidence.
        answers: the columns, where they are known.
        is_rest: whether no other column is left, which `all` would read as values too: a remark, a second time.
    """
    if len(values) == 1 and answers.value != "all":
        return {"value_column": Said(values[0], why)}
    is_all = is_rest and answers.value in (None, "all")
    columns: Any = "all" if is_all else {name: name for name in values}
    return {"value_columns": Said(columns, why), "value_label": Said("column", "name of the label that they make")}
