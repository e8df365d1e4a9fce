"""Proposes the source file of a data file: what its columns show, with the evidence, and what must be asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from dayahead.errors import SettingsError, SourceRefused
from dayahead.reading.clock_changes import utc_minutes
from dayahead.reading.time_pattern import pattern_of
from dayahead.reading.wall_times import MINUTE_US
from dayahead.record_format import HOUR_MINUTES, known_zone
from ingest.inspection.clock_choice import choose_label, choose_zone
from ingest.inspection.clock_evidence import DAY, clock_evidence, edge_evidence, numbered_evidence
from ingest.inspection.daily_profile import profile_hint
from ingest.inspection.number_marks import NumberMarks
from ingest.inspection.proposal import BY_OPTION, Answers, Proposal, Question, Said
from ingest.inspection.quantity import choose_quantity, choose_unit, register_evidence, values_of
from ingest.inspection.raw_file import RawFile
from ingest.inspection.series_choice import SeriesChoice, choose_series
from ingest.inspection.time_choice import TimeChoice, choose_time, minute_as_written

LONGEST_NAME = 60
CHOICES = {
    "time_label": ("start", "end"),
    "quantity": ("energy", "power", "register"),
    "off_hour": ("split", "reject"),
    "decimal": (".", ","),
}
"""Answers that have no others."""


@dataclass(frozen=True)
class Longest:
    """The series with the most records.

    Attributes:
        places: [m] its records, in the order of the file.
        minute: [m] their times, minutes since 1970 (`TimeChoice.minute`).
        written: [m] the same as the texts have them, without an offset.
        day: [m] days since 1970 as written.
        step: the usual distance of times in minutes.
        shortest: the shortest distance that is not rare, in minutes.
    """

    places: NDArray[np.int64]
    minute: NDArray[np.int64]
    written: NDArray[np.int64]
    day: NDArray[np.int64]
    step: int
    shortest: int


def propose(raw: RawFile, answers: Answers, place: Mapping[str, Said]) -> Proposal:
    """Propose a source file.

    Args:
        raw: the columns of the data file.
        answers: what a person says about it.
        place: kind and where the data are: path or url.

    Raises:
        SettingsError: an answer is wrong.
        SourceRefused: the file cannot be a source: no times, days instead of hours, no numbers.
    """
    _check(answers)
    time = choose_time(raw, answers)
    series = choose_series(raw, time, answers)
    longest = longest_series(raw, time, series)
    _check_step(raw, longest.step)
    proposal = Proposal()
    name = answers.name or name_of(raw.name)
    proposal.add("name", name, BY_OPTION if answers.name else "of the file; a name of your choice")
    proposal.add("kind", place["kind"].value, place["kind"].why)
    proposal.add("title", raw.name, "what a person reads: put dataset and publisher here")
    for field, said in {**place, **raw.said, **time.fields}.items():
        if field != "kind" and (field, said.value) != ("delimiter", ","):
            proposal.fields[field] = said
    values = values_of(raw.columns[series.values[0]], series.marks)[longest.places]
    rises = register_evidence(longest.minute, values)
    profile = "" if rises else profile_hint(longest.minute, values)
    _add_clock(proposal, time, longest, answers, rises, profile)
    proposal.fields |= series.fields
    _add_marks(proposal, series.marks, answers)
    _add_quantity(proposal, raw, series, longest, answers, rises)
    proposal.questions[:0] = [*time.questions, *series.questions]
    if not raw.is_whole:
        proposal.hints.append(f"only the first {raw.rows:,} records were looked at")
    return proposal


def _check(answers: Answers) -> None:
    """Check the answers that are used before the source file is.

    Raises:
        SettingsError: one is wrong.
    """
    for option, allowed in CHOICES.items():
        if (given := answers.given().get(option)) is not None and given not in allowed:
            raise SettingsError(f"--{option.replace('_', '-')} {given!r} must be one of {', '.join(allowed)}")
    try:
        if answers.time_zone:
            known_zone(answers.time_zone)
        if answers.time_format and "%" in answers.time_format:
            pattern_of(answers.time_format)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def name_of(text: str) -> str:
    """A name of a source from that of a file."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST_NAME].strip("-")
    return name or "my-source"


def longest_series(raw: RawFile, time: TimeChoice, series: SeriesChoice) -> Longest:
    """The series with the most records that have a time."""
    ok = np.flatnonzero(time.times.ok)
    most = np.bincount(series.series[ok]).argmax() if len(ok) else 0
    places = ok[series.series[ok] == most]
    minute, written = time.minute[places], minute_as_written(raw, time)[places]
    day = time.times.wall_us[places] // (DAY * MINUTE_US)
    gaps, counts = np.unique(np.diff(np.unique(minute)), return_counts=True)
    if not len(gaps):
        return Longest(places, minute, written, day, HOUR_MINUTES, HOUR_MINUTES)
    usual = int(gaps[np.argmax(counts)])
    shortest = int(gaps[counts > 0.002 * counts.sum()].min(initial=usual))
    return Longest(places, minute, written, day, time.minutes or usual, time.minutes or shortest)


def _check_step(raw: RawFile, step: int) -> None:
    if step == DAY:
        raise SourceRefused(f"{raw.name} has one record a day: a value of a day is no value of an hour")
    if step > HOUR_MINUTES:
        raise SourceRefused(
            f"{raw.name} has a record every {step} minutes: Dayahead reads periods of an hour or less; if series are "
            "mixed, name the columns that identify one with --keys"
        )


def _add_clock(
    proposal: Proposal, time: TimeChoice, longest: Longest, answers: Answers, rises: str, profile: str
) -> None:
    """Add zone, label and what to do with hours that start within an hour of UTC."""
    has_offset = bool(np.any(time.times.has_offset[longest.places]))
    if time.minutes:
        evidence = numbered_evidence(longest.day, longest.step)
    elif has_offset:
        evidence = edge_evidence(longest.written, longest.step)
    else:
        evidence = clock_evidence(longest.minute, longest.step, answers.time_zone)
    label = choose_label(time, evidence, answers, None)
    zone = None if has_offset else choose_zone(time, evidence, answers, label, profile)
    if has_offset and answers.time_zone:
        proposal.hints.append(
            f"--time-zone {answers.time_zone} is not used: the times carry their offset; local_time_zone says where "
            "people live"
        )
    if isinstance(zone, Said):
        proposal.fields["time_zone"] = zone
        label = choose_label(time, evidence, answers, zone.value)
    elif zone is not None:
        proposal.questions.append(zone)
    if isinstance(label, Said):
        proposal.fields["time_label"] = label
    elif not rises or answers.quantity not in (None, "register"):
        proposal.questions.append(label)
    if time.minutes:
        proposal.add("period_minutes", time.minutes, "a day has as many numbered periods")
    _add_off_hour(proposal, longest, answers, zone, has_offset=has_offset)
    _add_local_zone(proposal, zone)


def _add_off_hour(
    proposal: Proposal, longest: Longest, answers: Answers, zone: Said | Question | None, *, has_offset: bool
) -> None:
    minute = longest.minute
    if isinstance(zone, Said):
        minute = utc_minutes(minute, ZoneInfo(zone.value)).first
    elif not has_offset:
        return
    if longest.step != HOUR_MINUTES or not np.all(minute % HOUR_MINUTES):
        return
    if answers.off_hour:
        proposal.add("off_hour", answers.off_hour, BY_OPTION)
        return
    text = (
        f"The hours start {int(minute[0] % HOUR_MINUTES)} minutes after an hour of UTC: split each in proportion "
        "between the two hours that it lies in, or reject them?"
    )
    proposal.questions.append(Question("off-hour", text, ["split", "reject"]))


def _add_local_zone(proposal: Proposal, zone: Said | Question | None) -> None:
    if isinstance(zone, Said) and zone.value != "UTC":
        proposal.add("local_time_zone", zone.value, "hours of the day follow it; country (DK) adds its holidays")
    else:
        proposal.hints.append(
            "local_time_zone: Europe/Copenhagen    where its people live: hours of the day follow it; country: DK adds "
            "its holidays"
        )


def _add_marks(proposal: Proposal, marks: NumberMarks, answers: Answers) -> None:
    shown = f"numbers look like {marks.example!r}"
    if marks.decimal != ".":
        proposal.add("decimal", marks.decimal, BY_OPTION if answers.decimal else shown)
    if marks.thousands is not None:
        proposal.add("thousands", marks.thousands, BY_OPTION if answers.thousands else shown)
    if marks.null_marks:
        proposal.add("null_marks", marks.null_marks, "texts in columns of numbers: no value")
    if marks.is_open:
        text = f"Is {marks.example!r} about 1, or more than 1,000? Name the decimal mark."
        proposal.questions.append(Question("decimal", text, [".", ","]))


def _add_quantity(
    proposal: Proposal, raw: RawFile, series: SeriesChoice, longest: Longest, answers: Answers, rises: str
) -> None:
    unit = choose_unit(raw.columns, series.values, series.unused, answers)
    quantity = choose_quantity(unit, longest.shortest, answers, rises)
    for field, found in (("unit", unit), ("quantity", quantity)):
        if isinstance(found, Said):
            proposal.fields[field] = found
        elif found is not None:
            proposal.questions.append(found)
    numbers = values_of(raw.columns[series.values[0]], series.marks)
    if not rises and np.nanmin(numbers, initial=np.inf) >= 0:
        proposal.hints.append("minimum: 0    no value is below 0 now; a value outside the limits is rejected")
