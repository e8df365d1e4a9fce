"""Reads the value columns of a table."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.contracts import ABSURD_MAGNITUDE
from dayahead.errors import ContractError, DeadLetterCode
from dayahead.reading.arrow import as_numpy
from dayahead.reading.arrow import compute as pc
from dayahead.reading.number_text import NumberTexts
from dayahead.reading.record_table import Column
from dayahead.record_format import RecordFormat
from dayahead.rules import number_of, shown


@dataclass(frozen=True)
class Numbers:
    """The values of a column.

    Attributes:
        values: [n] as numbers, in the unit of the source.
        ok: [n] whether each is one.
        absent: [n] whether the source says that there is no value (`null_marks`).
    """

    values: NDArray[np.float64]
    ok: NDArray[np.bool_]
    absent: NDArray[np.bool_]

    def take(self, places: NDArray[np.int64]) -> "Numbers":
        """Some of the values."""
        return Numbers(self.values[places], self.ok[places], self.absent[places])


class ValueColumns:
    """Reads the values of the records of one source."""

    def __init__(self, form: RecordFormat) -> None:
        """Store the arguments.

        Args:
            form: names the marks in numbers.
        """
        self._form = form
        self._texts = NumberTexts(form)
        marks = pa.array([mark.strip() for mark in form.null_marks], pa.string())
        numbers = self._texts.parse(marks)
        self._null_marks, self._null_numbers = marks, numbers[np.isfinite(numbers)]
        self._null_is_absent = "" in marks.to_pylist()

    def read(self, column: Column) -> Numbers:
        """The values of a column.

        Args:
            column: [n] texts, numbers or both.
        """
        if isinstance(column, list):
            return self._of_objects(column)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            return self._of_texts(column)
        is_number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        if is_number or pa.types.is_decimal(column.type):
            return self._scaled(as_numpy(pc.cast(column, pa.float64(), safe=False)), self._nulls_of(column))
        return self._scaled(np.full(len(column), np.nan), self._nulls_of(column))

    def _nulls_of(self, column: "pa.Array[Any]") -> NDArray[np.bool_]:
        """Which values are null, where null stands for a value that does not exist."""
        return as_numpy(pc.is_null(column)) if self._null_is_absent else np.zeros(len(column), np.bool_)

    def error(self, value: object, column: str) -> ContractError:
        """Why a value is no number.

        Args:
            value: as its record has it.
            column: its name.
        """
        what = f"column {column!r}"
        if isinstance(value, str):
            if not value.strip():
                return ContractError(DeadLetterCode.NULL_VALUE, f"{what} is empty")
            if not np.isnan(self._texts.parse(pa.array([value.strip()], pa.string()))[0]):
                return self._absurd(value, what)
            return ContractError(
                DeadLetterCode.NOT_A_NUMBER, f"{what} is no number: {shown(value)}{self._hint(value.strip())}"
            )
        try:
            number_of(value, what)
        except ContractError as error:
            return error
        return self._absurd(value, what)

    def _absurd(self, value: object, what: str) -> ContractError:
        scaled = "" if self._form.scale == 1 else f" times {self._form.scale:g} (scale)"
        return ContractError(
            DeadLetterCode.ABSURD_VALUE,
            f"{what} is {shown(value)}{scaled}, beyond what any series can have in an hour",
        )

    @cached_property
    def _other_texts(self) -> list[tuple[str, NumberTexts]]:
        """Other marks that numbers may have, as a source file would name them."""
        form, found = self._form, []
        other = {".": ",", ",": "."}[form.decimal]
        for decimal, thousands in ((form.decimal, other), (other, None), (other, form.decimal), (form.decimal, " ")):
            marks = f"decimal: {decimal!r}" + ("" if thousands is None else f", thousands: {thousands!r}")
            changed = form.model_copy(update={"decimal": decimal, "thousands": thousands})
            found.append((marks, NumberTexts(changed)))
        return found

    def _hint(self, text: str) -> str:
        """What would make the text a number, if anything would."""
        for marks, texts in self._other_texts:
            if np.isfinite(texts.parse(pa.array([text], pa.string()))[0]):
                return f"; it would be one with {marks}"
        if len(text) <= 4:  # n/e, '-', '?'
            return "; if it stands for no value, add it to null_marks"
        return ""

    def _of_texts(self, column: "pa.Array[Any]") -> Numbers:
        return self._scaled(*self._parsed(column))

    def _parsed(self, column: "pa.Array[Any]") -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Numbers of texts, in the unit of the records, and which of the texts stand for none."""
        texts = pc.utf8_trim_whitespace(column)
        absent = np.zeros(len(texts), np.bool_)
        if len(self._null_marks):
            is_absent = pc.fill_null(pc.is_in(texts, value_set=self._null_marks), False)
            absent = as_numpy(is_absent) | self._nulls_of(texts)
        return self._texts.parse(texts), absent

    def _of_objects(self, column: list[object]) -> Numbers:
        values = np.full(len(column), np.nan)
        absent = np.zeros(len(column), np.bool_)
        texts = [place for place, value in enumerate(column) if isinstance(value, str)]
        if texts:
            values[texts], absent[texts] = self._parsed(pa.array([column[place] for place in texts], pa.string()))
        for place, value in enumerate(column):
            if isinstance(value, int | float) and not isinstance(value, bool):
                try:
                    values[place] = value
                except OverflowError:
                    values[place] = np.inf
            elif value is None:
                absent[place] = self._null_is_absent
        return self._scaled(values, absent)

    def _scaled(self, values: NDArray[np.float64], absent: NDArray[np.bool_]) -> Numbers:
        if len(self._null_numbers):
            absent = absent | np.isin(values, self._null_numbers)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = values if self._form.scale == 1 else values * self._form.scale
            ok = (np.abs(scaled) < ABSURD_MAGNITUDE) & ~absent
        return Numbers(scaled, ok, absent)
