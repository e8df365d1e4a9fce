"""Finds what the values of a file are: energy, power or meter readings, and in which unit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.reading.arrow import as_numpy
from dayahead.reading.arrow import compute as pc
from dayahead.reading.doubts import doubt_about
from dayahead.reading.number_text import NumberTexts
from dayahead.record_format import RecordFormat
from ingest.inspection.number_marks import NumberMarks
from ingest.inspection.proposal import BY_OPTION, Answers, Question, Said
from ingest.inspection.units import is_energy, unit_in, unit_of_column


def values_of(column: "pa.Array[Any]", marks: NumberMarks) -> NDArray[np.float64]:
    """The numbers of a column; NaN where there is none.

    Args:
        column: [n] text or numbers.
        marks: of numbers that are text.
    """
    if not pa.types.is_string(column.type):
        return as_numpy(pc.fill_null(pc.cast(column, pa.float64()), np.nan))
    form = RecordFormat(time_column="-", decimal=marks.decimal, thousands=marks.thousands, delimiter="|")
    return NumberTexts(form).parse(pc.fill_null(pc.utf8_trim_whitespace(column), ""))


def register_evidence(minute: NDArray[np.int64], values: NDArray[np.float64]) -> str:
    """How a series rises, if it does as the readings of a meter do; else empty.

    Args:
        minute: [n] times, in any order.
        values: [n] of each; NaN where there is none.
    """
    known = np.isfinite(values)
    order = np.argsort(minute[known], kind="stable")
    readings = values[known][order]
    form = RecordFormat.model_construct(quantity=None)
    if not len(readings) or doubt_about(np.arange(len(readings)), readings, form) is None:
        return ""
    falls = np.count_nonzero(np.diff(readings) < 0)
    return f"values rise to {readings.max():,g} and " + (f"start again {falls:,} times" if falls else "never fall")


def choose_unit(
    columns: "Mapping[str, pa.Array[Any]]", values: Sequence[str], unused: Sequence[str], answers: Answers
) -> Said | Question:
    """The unit of the values.

    Args:
        columns: of the file.
        values: those with the values.
        unused: those with another use.
        answers: the unit, where it is known.
    """
    if answers.unit is not None:
        return Said(answers.unit, BY_OPTION)
    named = {unit_in(name) for name in values}
    if len(named) == 1 and (unit := named.pop()):
        return Said(unit, f"the name of column {values[0]} says it")
    for name in unused:
        if unit := unit_of_column(columns[name]):
            return Said(unit, f"column {name} says it")
    return Question("unit", "Which unit do the values have?", ["kWh", "MWh", "kW", "MW"])


def choose_quantity(unit: Said | Question, shortest: int, answers: Answers, rises: str) -> Said | Question | None:
    """What the values are; None where hours do not depend on it.

    Args:
        unit: of the values, or its open question.
        shortest: minutes of the shortest period.
        answers: the quantity, where it is known.
        rises: how a series rises like readings of a meter; empty if it does not.
    """
    if answers.quantity is not None:
        return Said(answers.quantity, BY_OPTION)
    if rises:
        return Said("register", f"{rises}, as readings of a meter do: hours are their differences")
    if shortest >= 60:
        return None
    if isinstance(unit, Said) and (of_energy := is_energy(unit.value)) is not None:
        known = "energy" if of_energy else "power"
        return Said(known, f"{unit.value} is a unit of {known}")
    return Question(
        "quantity",
        f"How do records of {shortest} minutes make an hour: energy is summed, power averaged, a register subtracted?",
        ["energy", "power", "register"],
    )
