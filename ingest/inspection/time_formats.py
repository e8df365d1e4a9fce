"""Finds formats that the times of a column may have, from how its texts look."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dayahead.reading.time_text import ParsedTimes, TimeTexts
from dayahead.record_format import AUTO, RecordFormat

DAY_US = 86_400_000_000
SAMPLES = 40
LEAST_SHARE = 0.9
"""Share of the texts that a format must fit; the rest are lines of totals and the like."""

DATE = re.compile(r"(?P<a>\d{1,4})(?P<s>[-./ ])(?P<b>\d{1,2}|[A-Za-z]{3,9}\.?)(?P=s)(?P<c>\d{2,4})(?!\d)")
COMPACT = re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d")
CLOCK = re.compile(
    r"(?P<gap>[T ]+|:|, ?|-)?\d{1,2}:\d{2}(?P<second>:\d{2})?(?P<part>[.,]\d+)?(?P<half> ?[AaPp]\.?[Mm]\.?)?"
)
COMPACT_CLOCK = re.compile(r"(?P<gap>[T ]?)[0-2]\d[0-5]\d(?P<second>[0-5]\d)?(?!\d)")
INTERVAL = re.compile(r"(?P<gap>\s*(?:-|\u2013|/|~|to|bis|til|until)\s*)\d.*")


@dataclass(frozen=True)
class FormFit:
    """A format and the times that it gives.

    Attributes:
        form: as in `time_format`.
        times: [n] of the texts.
        share: of the texts that fit.
    """

    form: str
    times: ParsedTimes
    share: float

    @property
    def days(self) -> NDArray[np.int64]:
        """The days of the texts that fit, in the order of the texts, each run of equal ones once."""
        within = self.times.ok & (self.times.wall_us % DAY_US != 0)  # 24:00 is on the day after
        wall = self.times.wall_us[within if within.any() else self.times.ok | self.times.is_date] // DAY_US
        changes = np.ones(len(wall), np.bool_)
        changes[1:] = wall[1:] != wall[:-1]
        return wall[changes]


def fits(texts: Sequence[str], forms: Iterable[str]) -> list[FormFit]:
    """The formats that fit most of the texts.

    Args:
        texts: distinct, in the order of the file.
        forms: to try.
    """
    array = pa.array(texts, pa.string())
    found = []
    for form in forms:
        times = TimeTexts(RecordFormat.model_construct(time_format=form, first_marks=[], second_marks=[])).parse(array)
        share = float(np.mean(times.ok | times.is_date)) if len(texts) else 0.0
        if share >= LEAST_SHARE:
            found.append(FormFit(form, times, share))
    return found


def forms_of(texts: Sequence[str]) -> list[str]:
    """Formats to try for some texts, ISO 8601 first."""
    places = np.unique(np.linspace(0, max(len(texts) - 1, 0), min(len(texts), SAMPLES)).astype(int)).tolist()
    forms = [form for place in places for form in _forms_of(texts[place].strip())]
    return list(dict.fromkeys([AUTO, *forms]))


def _forms_of(text: str) -> list[str]:
    if date := DATE.match(text):
        return [f"{form}{rest}" for form in _date_forms(date) for rest in _rests(text[date.end() :], CLOCK)]
    if COMPACT.match(text):
        return [f"%Y%m%d{rest}" for rest in _rests(text[8:], COMPACT_CLOCK) + _rests(text[8:], CLOCK)]
    return []


def _date_forms(date: re.Match[str]) -> list[str]:
    mark, year = date["s"], "%Y" if len(date["c"]) == 4 else "%y"
    if len(date["a"]) == 4:
        return [f"%Y{mark}%m{mark}%d"]
    if date["b"][0].isalpha():
        return [f"%d{mark}%b{mark}{year}"]
    return [f"%d{mark}%m{mark}{year}", f"%m{mark}%d{mark}{year}"]


def _rests(text: str, clock: re.Pattern[str]) -> list[str]:
    """What the part after the date may be: nothing, a time of day, and perhaps the end of an interval."""
    found = clock.match(text)
    if found is None:
        return [""] if not text or text.isspace() else []
    groups = found.groupdict()
    between = ":" if clock is CLOCK else ""
    form = f"{groups['gap'] or ''}%{'I' if groups.get('half') else 'H'}{between}%M"
    form += f"{between}%S" if groups["second"] else ""
    form += f"{groups['part'][0]}%f" if groups.get("part") else ""
    form += (" %p" if groups["half"].startswith(" ") else "%p") if groups.get("half") else ""
    rest = text[found.end() :]
    if interval := INTERVAL.fullmatch(rest):
        return [f"{form}{interval['gap']}*"]
    return [form]
