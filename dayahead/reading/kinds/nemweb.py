"""Reads reports of NEMWeb, the public files of the Australian market operator (AEMO).

A report is a folder of zip files, shown as an HTML page with one link a file. A name ends in the interval that the file
is for and the moment at which it was made (`..._202607251630_20260725163006.zip`); a later file of the same interval
replaces the earlier one. A folder of Current holds some days, that of Archive about thirteen months in files of a week,
named by their first day (`..._20260719.zip`), which hold the zip files of the intervals. Each has one CSV file with
several tables: lines with C are comments, with I the columns of a table, with D its rows.

Times are those of the market: the end of an interval, in UTC+10 all year (Australia/Brisbane).
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import unescape
from urllib.parse import unquote

from pydantic import Field

from dayahead.errors import MalformedAnswer, SourceRefused, SourceUnavailable
from dayahead.hours import Hour, from_hour, to_hour
from dayahead.reading.http.fetcher import Fetcher
from dayahead.reading.http.fields import HttpFields
from dayahead.reading.http.rate import Rate
from dayahead.reading.http.reply import Reply
from dayahead.reading.reader import Answer
from dayahead.reading.record_table import Record, Torn
from dayahead.reading.source_kind import SourceKind, Surroundings
from dayahead.source import Source

OFFSET = "+1000"
"""Of the clock of the market, all year."""

WEEK = timedelta(days=7)
INSTANT = timedelta(microseconds=1)

FILES_PER_ANSWER = 200
"""Files of intervals that one answer requests: a longer range is read in parts, and each part is published."""

MAX_UNPACKED = 64 * 1024 * 1024
"""Bytes that one file may unpack to; a week of half-hourly demand has 200 kB."""

HREF = re.compile(r"href\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
A_LISTING = re.compile(r"parent\s+directory", re.IGNORECASE)
END_OF_REPORT = "END OF REPORT"

RATE = Rate(60, 60)
"""The publisher states none; a poll sends one request and one for each new interval."""


class NemwebFields(HttpFields):
    """Fields of a source file for this kind."""

    report: str = Field(min_length=1, description="What the names of the files start with")
    folder: str = Field(min_length=1, description="Folder of the newest files, one an interval")
    archive_folder: str | None = Field(default=None, description="Folder of older files, one a week, for a backfill")
    newest_only: bool = Field(
        default=False, description="Read only the file that was made last, where each file has all hours: a forecast"
    )
    table: list[str] = Field(
        min_length=2, max_length=2, description="The table in the files: second and third column of its lines"
    )


class Nemweb(SourceKind):
    """The files of NEMWeb."""

    name = "nemweb"
    fields = NemwebFields

    def reader(self, source: Source, surroundings: Surroundings) -> "NemwebReader":
        """See `SourceKind.reader`."""
        fields = NemwebFields.of(source)
        advice = f"Check folder and report of source {source.name}."
        return NemwebReader(
            fields, Fetcher.of(source, fields, surroundings, what=fields.report, rates=[RATE], advice=advice)
        )


@dataclass(frozen=True, order=True)
class Listed:
    """A file of a report.

    Attributes:
        moment: end of its interval; the first day of a week.
        made: when it was made, as the name has it; empty for a week.
        name: of the file.
    """

    moment: datetime
    made: str
    name: str


@dataclass(frozen=True)
class Content:
    """The rows of a file.

    Attributes:
        records: one a row, column -> text.
        torn: lines that do not have the columns of their table.
    """

    records: Sequence[Record]
    torn: Sequence[Torn]


class NemwebReader:
    """One report. A file of an interval never changes, so it is requested once and its rows are kept."""

    def __init__(self, fields: NemwebFields, fetcher: Fetcher) -> None:
        """Store the arguments; the first read sends the first request.

        Args:
            fields: of the source.
            fetcher: sends its requests.
        """
        self._fields, self._fetcher = fields, fetcher
        self._kept: dict[str, Content] = {}

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """See `Reader.read`; older hours than the folder has are read from the archive, in whole weeks."""
        low, high = from_hour(start), None if end is None else from_hour(end)
        listed = self._listed(self._fields.folder)
        if self._fields.newest_only:
            return _answer(self._interval_files(sorted(listed, key=lambda one: one.made)[-1:]))
        every = newest_versions(listed)
        older = self._archived(low, high, before=every[0].moment if every else None)
        wanted = [one for one in every if one.moment > low and (high is None or one.moment <= high)]
        part, rest = wanted[:FILES_PER_ANSWER], wanted[FILES_PER_ANSWER:]
        cut_at = to_hour(rest[0].moment - INSTANT) if rest else None
        return _answer([*older, *self._interval_files(part)], cut_at)

    def _listed(self, folder: str) -> Sequence[Listed]:
        return listed_files(self._fetcher.get(f"{folder.strip('/')}/"), self._fields.report)

    def _interval_files(self, wanted: Sequence[Listed]) -> Sequence[Content]:
        names = {one.name for one in wanted}
        self._kept = {name: content for name, content in self._kept.items() if name in names}
        failed: list[Torn] = []
        missing = [one.name for one in wanted if one.name not in self._kept]
        for name in missing:
            try:
                reply = self._fetcher.get(f"{self._fields.folder.strip('/')}/{name}")
                self._kept[name] = rows_of_zip(reply.body, name, self._fields.table)
            except (SourceRefused, MalformedAnswer) as error:  # moved to the archive meanwhile, or still being written
                failed.append(Torn({"file": name}, str(error)))
        if failed and len(failed) == len(missing):
            raise SourceUnavailable(
                f"no new file of {self._fields.report} can be read: {failed[0].reason}", None, "bad_answer"
            )
        return [*(self._kept[one.name] for one in wanted if one.name in self._kept), Content((), failed)]

    def _archived(self, low: datetime, high: datetime | None, before: datetime | None) -> Sequence[Content]:
        """The intervals from `low` that end before the folder of the newest files begins, of the archive."""
        folder = self._fields.archive_folder
        last = min((moment for moment in (before and before - INSTANT, high) if moment is not None), default=None)
        if folder is None or last is None or low >= last - timedelta(hours=1):
            return ()
        found = []
        for week in self._listed(folder):
            if week.moment <= last and week.moment + WEEK > low:
                reply = self._fetcher.get(f"{folder.strip('/')}/{week.name}")
                try:
                    found.append(rows_of_archive(reply.body, week.name, self._fields, low, last))
                except MalformedAnswer as error:
                    raise SourceUnavailable(f"{week.name} of the archive: {error}", None, "bad_answer") from error
        return found


def _answer(contents: Sequence[Content], cut_at: Hour | None = None) -> Answer:
    records = Answer.of(record for content in contents for record in content.records)
    return replace(records, torn=[piece for content in contents for piece in content.torn], cut_at=cut_at)


def listed_files(page: Reply, report: str) -> Sequence[Listed]:
    """The files of a report that a folder lists, oldest first.

    Args:
        page: the HTML page of the folder.
        report: what their names start with.

    Raises:
        SourceUnavailable: the page lists no folder.
    """
    text = page.body.decode(errors="replace")
    if not A_LISTING.search(text):
        raise page.bad_answer("no list of files")
    names = {unquote(unescape(link)).rsplit("/", 1)[-1] for link in HREF.findall(text)}
    return sorted(_parsed(names, report))


def _parsed(names: Iterable[str], report: str) -> Iterable[Listed]:
    shape = re.compile(rf"{re.escape(report)}_(\d{{8}}|\d{{12}})(?:_(\d{{14,16}}))?\.zip", re.IGNORECASE)
    for name in names:
        if match := shape.fullmatch(name):
            try:
                moment = datetime.strptime(f"{match[1]:0<12}{OFFSET}", "%Y%m%d%H%M%z")
            except ValueError:  # digits that are no date
                continue
            yield Listed(moment, match[2] or "", name)


def newest_versions(files: Iterable[Listed]) -> Sequence[Listed]:
    """The file of each interval that was made last; oldest interval first."""
    return list({one.moment: one for one in sorted(files)}.values())


def rows_of_archive(body: bytes, name: str, fields: NemwebFields, low: datetime, last: datetime) -> Content:
    """The rows of a week: of the intervals that end after `low` and at `last` or before; a damaged one is torn.

    Raises:
        MalformedAnswer: it is no zip file of reports.
    """
    inner = dict(_members(body, name))
    wanted = [one for one in newest_versions(_parsed(inner, fields.report)) if low < one.moment <= last]
    records: list[Record] = []
    torn: list[Torn] = []
    for one in wanted:
        try:
            content = rows_of_zip(inner[one.name], one.name, fields.table)
        except MalformedAnswer as error:  # the archive does not change: one file must not stop a backfill
            torn.append(Torn({"file": one.name}, str(error)))
        else:
            records += content.records
            torn += content.torn
    return Content(records, torn)


def rows_of_zip(body: bytes, name: str, table: Sequence[str]) -> Content:
    """The rows of one table of a report.

    Args:
        body: a zip file with one CSV file.
        name: of the zip file, for messages.
        table: second and third column of the lines of the table.

    Raises:
        MalformedAnswer: it is no such file, or it is truncated.
    """
    members = _members(body, name)
    if len(members) != 1:
        raise MalformedAnswer(f"{name} holds {len(members)} files instead of one")
    return rows_of_csv(members[0][1].decode("utf-8", errors="replace"), name, table)


def rows_of_csv(text: str, name: str, table: Sequence[str]) -> Content:
    """The rows of one table of the CSV file of a report; see `rows_of_zip`."""
    columns: list[str] | None = None
    records: list[Record] = []
    torn: list[Torn] = []
    try:
        lines = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise MalformedAnswer(f"{name} is no CSV that can be read ({error})") from error
    for number, line in enumerate(lines, 1):
        if [cell.upper() for cell in line[1:3]] != [part.upper() for part in table]:
            continue
        if line[0] == "I":
            columns = line[4:]
        elif line[0] == "D" and columns is None:
            raise MalformedAnswer(f"{name}, line {number}: a row of {'.'.join(table)} before its columns")
        elif line[0] == "D" and columns is not None:
            values = line[4:]
            if len(values) == len(columns):
                records.append(dict(zip(columns, values, strict=True)))
            else:
                reason = f"{name}, line {number}: {len(values)} values for {len(columns)} columns"
                torn.append(Torn(dict(zip(columns, values, strict=False)), reason))
    last = lines[-1] if lines else []
    if last[:2] != ["C", END_OF_REPORT] or last[2:3] not in ([], [str(len(lines))]):
        raise MalformedAnswer(f"{name} is truncated: it does not end with `{END_OF_REPORT}` and its number of lines")
    if columns is None:
        raise MalformedAnswer(f"{name} has no table {'.'.join(table)}")
    return Content(records, torn)


def _members(body: bytes, name: str) -> Sequence[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            if (size := sum(one.file_size for one in members)) > MAX_UNPACKED:
                raise MalformedAnswer(f"{name} unpacks to {size:,} bytes, more than {MAX_UNPACKED:,}")
            return [(one.filename.rsplit("/", 1)[-1], archive.read(one)) for one in members]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise MalformedAnswer(f"{name} is no zip file that can be read ({error})") from error
