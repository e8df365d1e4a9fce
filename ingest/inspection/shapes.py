"""Recognizes cells that are data rather than names: numbers, dates and times of day."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time

NUMBER = r"[+-]?[\d.,'\u00a0\u202f ]*\d"
DATE = r"\d{1,4}[-./ ](?:\d{1,2}|\w{3,9})[-./ ]\d{2,4}(?!\d).*"
CLOCK = r"\d{1,2}:\d{2}.*"
DATA = re.compile(rf"(?:{NUMBER}|{DATE}|{CLOCK})", re.ASCII)


def is_data(cell: object) -> bool:
    """Whether a cell is a number, a date or a time of day."""
    if isinstance(cell, int | float | datetime | date | time):
        return True
    return isinstance(cell, str) and DATA.fullmatch(cell.strip()) is not None


def like_data(cells: Sequence[object]) -> int:
    """How many cells are data."""
    return sum(map(is_data, cells))
