"""Parses numbers written as text with the marks of a source, whole columns at once."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.reading.arrow import as_numpy
from dayahead.reading.arrow import compute as pc
from dayahead.record_format import RecordFormat


class NumberTexts:
    """Parses the texts of one source."""

    def __init__(self, form: RecordFormat) -> None:
        """Compile the pattern.

        Args:
            form: names the decimal mark and the mark between thousands.
        """
        self._decimal, self._thousands = form.decimal, form.thousands
        decimal = re.escape(form.decimal)
        whole = r"\d+"
        if form.thousands is not None:  # in groups of three: 1.5 is no 15
            whole = rf"(?:\d+|\d{{1,3}}(?:{re.escape(form.thousands)}\d{{3}})+)"
        self._pattern = rf"^[+-]?(?:{whole}{decimal}?\d*|{decimal}\d+)(?:[eE][+-]?\d+)?$"
        self._is_plain = form.decimal == "." and form.thousands is None

    def parse(self, texts: "pa.Array[Any]") -> NDArray[np.float64]:
        """Parse texts.

        Args:
            texts: [n] string without blanks at the ends; null: no number.

        Returns:
            [n] numbers; NaN for what is none.
        """
        if self._is_plain and (quick := _quick(texts)) is not None:
            return quick
        fits = pc.fill_null(pc.match_substring_regex(texts, self._pattern), False)
        text = pc.if_else(fits, texts, pa.scalar("nan", pa.string()))
        if self._thousands is not None:
            text = pc.replace_substring(text, self._thousands, "")
        if self._decimal != ".":
            text = pc.replace_substring(text, self._decimal, ".")
        return as_numpy(pc.cast(text, pa.float64()))


def _quick(texts: "pa.Array[Any]") -> "NDArray[np.float64] | None":
    """Numbers of texts that all are plain numbers; else None."""
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return None
    found = as_numpy(numbers)
    # Arrow also reads nan, inf and the like, which no publisher means as a number
    return found if texts.null_count == 0 and bool(np.isfinite(found).all()) else None
