"""Finds how a file writes numbers: decimal mark, mark between thousands, and texts that stand for no value."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from dayahead.reading.arrow import compute as pc
from dayahead.reading.number_text import NumberTexts
from dayahead.record_format import RecordFormat

LEAST_SHARE = 0.8
"""Share of the texts of a column that must be numbers for a column of numbers."""

MOST_NULL_MARKS = 4
LONGEST_NULL_MARK = 8
MARKS: Sequence[tuple[str, str | None]] = (
    (".", None),
    (",", None),
    (",", "."),
    (".", ","),
    (",", " "),
    (".", " "),
    (",", "\u00a0"),
    (",", "\u202f"),
    (".", "'"),
)
ONE_MARK_OF_THREE = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
"""1.234: with a decimal mark about 1, with a mark between thousands more than 1,000."""

Columns = Mapping[str, "pa.Array[Any]"]


@dataclass(frozen=True)
class NumberMarks:
    """How numbers are written.

    Attributes:
        decimal, thousands: the marks.
        columns: text columns that are numbers with them.
        null_marks: texts in those that are none.
        is_open: whether every number with a mark could be 1,000 times another: 1.234.
        example: such a number, or one that shows the marks.
    """

    decimal: str = "."
    thousands: str | None = None
    columns: list[str] = field(default_factory=list)
    null_marks: list[str] = field(default_factory=list)
    is_open: bool = False
    example: str = ""


def number_marks(columns: Columns, decimal: str | None = None, thousands: str | None = None) -> NumberMarks:
    """Find the marks that make numbers of the most texts.

    Args:
        columns: the columns that may be numbers, as text.
        decimal: the decimal mark, where it is known.
        thousands: the mark between thousands, where it is known.
    """
    candidates = [
        (mark, group)
        for mark, group in MARKS
        if (decimal is None or mark == decimal) and (thousands is None or group == thousands)
    ]
    if decimal and thousands:
        candidates = [(decimal, thousands)]
    texts = {name: _distinct(column) for name, column in columns.items()}
    best, most = NumberMarks(), 0
    for mark, group in candidates:
        found = _with_marks(texts, mark, group)
        count = sum(len(numbers) for numbers, _ in found.values())
        if count > most:
            others = [text for _, rest in found.values() for text in rest]
            best, most = NumberMarks(mark, group, list(found), null_marks_of(others)), count
    marked = [text for name in best.columns for text in texts[name] if "." in text.strip(".") or "," in text.strip(",")]
    is_open = decimal is None and bool(marked) and all(ONE_MARK_OF_THREE.fullmatch(text) for text in marked)
    is_open = is_open and not any(re.fullmatch(r"[+-]?\d{4,}", text) for name in best.columns for text in texts[name])
    example = max(marked, key=len, default="")
    return NumberMarks(best.decimal, best.thousands, best.columns, best.null_marks, is_open, example)


def null_marks_of(texts: Iterable[str]) -> list[str]:
    """The texts among columns of numbers that stand for no value: a few short ones."""
    counts = Counter(text for text in texts if len(text) <= LONGEST_NULL_MARK and not re.search(r"\d", text))
    return sorted(counts) if len(counts) <= MOST_NULL_MARKS else []


def _distinct(column: "pa.Array[Any]") -> list[str]:
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return [text for text in pc.unique(texts).to_pylist() if text]


def _with_marks(texts: Mapping[str, list[str]], mark: str, group: str | None) -> dict[str, tuple[list[str], list[str]]]:
    """The columns that are numbers: their distinct numbers, and the other texts in them."""
    form = RecordFormat(time_column="-", decimal=mark, thousands=group, delimiter="|")
    parser = NumberTexts(form)
    found = {}
    for name, distinct in texts.items():
        is_number = np.isfinite(parser.parse(pa.array(distinct, pa.string()))) if distinct else np.zeros(0, np.bool_)
        numbers = [text for text, number in zip(distinct, is_number, strict=True) if number]
        others = [text for text, number in zip(distinct, is_number, strict=True) if not number]
        if numbers and (len(numbers) >= LEAST_SHARE * len(distinct) or len(null_marks_of(others)) == len(others)):
            found[name] = (numbers, others)
    return found
