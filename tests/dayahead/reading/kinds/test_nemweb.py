import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from dayahead.errors import MalformedAnswer, SourceRefused, SourceUnavailable
from dayahead.hours import to_hour
from dayahead.reading.http.fetcher import Fetcher
from dayahead.reading.http.reply import Reply
from dayahead.reading.kinds.nemweb import (
    FILES_PER_ANSWER,
    MAX_UNPACKED,
    NemwebFields,
    NemwebReader,
    listed_files,
    newest_versions,
    rows_of_csv,
    rows_of_zip,
)
from dayahead.reading.reader import Answer

AEST = timezone(timedelta(hours=10))
NOW = datetime(2026, 10, 4, 10, 34, tzinfo=AEST)  # clocks were set forward in Sydney that night, not on the market
HALF = timedelta(minutes=30)
REPORT = "PUBLIC_ACTUAL_OPERATIONAL_DEMAND_HH"
TABLE = ["OPERATIONAL_DEMAND", "ACTUAL"]
FOLDER, ARCHIVE = "/Reports/Current/Operational_Demand/ACTUAL_HH/", "/Reports/Archive/Operational_Demand/ACTUAL_HH/"


def csv_of(end: datetime, demand: float, made: datetime) -> str:
    """A report of one half hour in the publisher's layout."""
    written, at = end.strftime("%Y/%m/%d %H:%M:%S"), made.strftime("%Y/%m/%d %H:%M:%S")
    rows = [
        f'D,OPERATIONAL_DEMAND,ACTUAL,3,{region},"{written}",{demand + number:g},0,0,"{at}"'
        for number, region in enumerate(["NSW1", "QLD1"])
    ]
    lines = [
        f"C,NEMP.WORLD,ACTUAL_OPERATIONAL_DEMAND_HH,AEMO,PUBLIC,{at.replace(' ', ',')},0000000528134281,DEMAND,1",
        "I,OPERATIONAL_DEMAND,ACTUAL,3,REGIONID,INTERVAL_DATETIME,OPERATIONAL_DEMAND,OPERATIONAL_DEMAND_ADJUSTMENT,"
        "WDR_ESTIMATE,LASTCHANGED",
        *rows,
    ]
    return "\r\n".join([*lines, f'C,"END OF REPORT",{len(lines) + 1}', ""])


def zipped(**members: bytes | str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return body.getvalue()


class NemwebSite:
    """Folders as NEMWeb shows them: the newest days in Current, whole weeks from Sunday on in Archive."""

    def __init__(self, first: datetime, last: datetime, archive_from: datetime | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.weeks: dict[str, bytes] = {}
        self.requested: list[str] = []
        end = first
        while end <= last:
            self.publish(end, 7000.0 + end.hour)
            end += HALF
        if archive_from is not None:
            while archive_from < first:
                self.weeks[f"{REPORT}_{archive_from:%Y%m%d}.zip"] = self.week(archive_from)
                archive_from += timedelta(days=7)

    def publish(self, end: datetime, demand: float, delay: timedelta = timedelta(seconds=6)) -> str:
        name = f"{REPORT}_{end:%Y%m%d%H%M}_{end + delay:%Y%m%d%H%M%S}.zip"
        self.files[name] = zipped(**{name.replace(".zip", "__CSV"): csv_of(end, demand, end + delay)})
        return name

    def week(self, start: datetime) -> bytes:
        inner: dict[str, bytes] = {}
        for number in range(7 * 48):
            end = start + number * HALF
            for delay in [6, 900] if number == 20 else [6]:  # one half hour was published twice
                made = end + timedelta(seconds=delay)
                name = f"{REPORT}_{end:%Y%m%d%H%M}_{made:%Y%m%d%H%M%S}"
                inner[f"{name}__zip"] = zipped(**{f"{name}__CSV": csv_of(end, 5000.0 + delay, made)})
        return zipped(**inner)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.requested.append(path)
        for folder, files in ((FOLDER, self.files), (ARCHIVE, self.weeks)):
            if path == folder:
                return httpx.Response(200, html=self.listing(folder, files))
            if path.startswith(folder) and (name := path.removeprefix(folder)) in files:
                return httpx.Response(200, content=files[name])
        return httpx.Response(404, html="<html><title>404 - File or directory not found.</title></html>")

    def listing(self, folder: str, files: dict[str, bytes]) -> str:
        # the site writes its links in capitals, as absolute paths, without an end of line
        links = "".join(
            f' Sunday, October 4, 2026 10:04 AM {len(body):>12} <A HREF="{folder.upper()}{name}">{name}</A><br>'
            for name, body in files.items()
        )
        return (
            f"<html><head><title>nemweb - {folder}</title></head><body><H1>nemweb - {folder}</H1><hr>"
            f'<pre><A HREF="/Reports/">[To Parent Directory]</A><br><br>{links}</pre><hr></body></html>'
        )


def reader_of(answer: Any, **changes: Any) -> NemwebReader:
    fields = NemwebFields.model_validate(
        {"url": "http://nemweb.test", "report": REPORT, "folder": FOLDER, "archive_folder": ARCHIVE, "table": TABLE}
        | changes
    )
    client = httpx.Client(base_url="http://nemweb.test", transport=httpx.MockTransport(answer))
    return NemwebReader(fields, Fetcher(client, what=REPORT, clock=lambda: NOW, pause=lambda _: False))


def ends_read(answer: Answer, region: str = "NSW1") -> list[datetime]:
    return [
        datetime.strptime(f"{record['INTERVAL_DATETIME']}+1000", "%Y/%m/%d %H:%M:%S%z")
        for record in answer.records
        if record["REGIONID"] == region
    ]


def every_half(first: datetime, last: datetime) -> list[datetime]:
    return [first + number * HALF for number in range((last - first) // HALF + 1)]


def reply(body: bytes) -> Reply:
    return Reply("report at http://nemweb.test", "http://nemweb.test", 200, {}, body)


MIDNIGHT = NOW.replace(hour=0, minute=0)
NEWEST = NOW.replace(minute=30)


def test_a_poll_reads_the_intervals_that_end_after_its_start_as_the_csv_has_them() -> None:
    site = NemwebSite(MIDNIGHT - timedelta(days=2), NEWEST)
    answer = reader_of(site.answer).read(to_hour(NOW) - 3, None)
    assert ends_read(answer) == every_half(NEWEST - timedelta(hours=3), NEWEST)
    assert answer.cut_at is None
    assert not answer.torn
    assert answer.records[0] == {
        "REGIONID": "NSW1",
        "INTERVAL_DATETIME": "2026/10/04 07:30:00",
        "OPERATIONAL_DEMAND": "7007",
        "OPERATIONAL_DEMAND_ADJUSTMENT": "0",
        "WDR_ESTIMATE": "0",
        "LASTCHANGED": "2026/10/04 07:30:06",
    }


def test_hours_that_begin_at_a_boundary_take_the_interval_that_ends_there_with_the_hour_before() -> None:
    site = NemwebSite(MIDNIGHT - timedelta(days=2), NEWEST)
    start = to_hour(MIDNIGHT)
    ends = ends_read(reader_of(site.answer).read(start, start + 2))
    assert ends == every_half(MIDNIGHT + HALF, MIDNIGHT + timedelta(hours=2))


def test_a_file_is_requested_once_and_only_what_is_new_afterwards() -> None:
    site = NemwebSite(MIDNIGHT, NEWEST)
    reader = reader_of(site.answer)
    reader.read(to_hour(MIDNIGHT), None)
    site.requested.clear()
    new = site.publish(NEWEST + HALF, 1.0)
    ends = ends_read(reader.read(to_hour(MIDNIGHT), None))
    assert site.requested == [FOLDER, FOLDER + new]
    assert ends == every_half(MIDNIGHT + HALF, NEWEST + HALF)


def test_a_second_file_of_an_interval_replaces_the_first() -> None:
    site = NemwebSite(MIDNIGHT, NEWEST)
    reader = reader_of(site.answer)
    reader.read(to_hour(MIDNIGHT), None)
    site.publish(NEWEST, 1.0, delay=timedelta(minutes=20))
    answer = reader.read(to_hour(NEWEST), None)
    newest = [record for record in answer.records if record["INTERVAL_DATETIME"] == "2026/10/04 10:30:00"]
    assert [record["OPERATIONAL_DEMAND"] for record in newest] == ["1", "2"]


def test_hours_before_the_folder_come_from_the_weeks_of_the_archive_each_interval_once() -> None:
    sunday = datetime(2026, 9, 20, tzinfo=AEST)
    site = NemwebSite(datetime(2026, 10, 4, tzinfo=AEST), NEWEST, archive_from=sunday)
    start, end = datetime(2026, 9, 20, 9, tzinfo=AEST), datetime(2026, 10, 4, 1, tzinfo=AEST)
    answer = reader_of(site.answer).read(to_hour(start), to_hour(end))
    assert ends_read(answer) == every_half(start + HALF, end)
    twice = [one for one in answer.records if one["INTERVAL_DATETIME"] == "2026/09/20 10:00:00"]
    assert [one["OPERATIONAL_DEMAND"] for one in twice] == ["5900", "5901"], "the one that was made last"
    assert [path for path in site.requested if ".zip" in path and "Archive" in path] == [
        f"{ARCHIVE}{REPORT}_20260920.zip",
        f"{ARCHIVE}{REPORT}_20260927.zip",
    ]


def test_a_damaged_file_of_an_archived_week_is_set_aside_alone() -> None:
    sunday = datetime(2026, 9, 27, tzinfo=AEST)
    site = NemwebSite(datetime(2026, 10, 4, tzinfo=AEST), NEWEST, archive_from=sunday)
    (week,) = site.weeks
    with zipfile.ZipFile(io.BytesIO(site.weeks[week])) as archive:
        members = {name.replace(".zip", "__zip"): archive.read(name) for name in archive.namelist()}
    (damaged,) = [name for name in members if "_202609271030_" in name]
    site.weeks[week] = zipped(**{**members, damaged: b"PK"})
    answer = reader_of(site.answer).read(to_hour(sunday + 18 * HALF), to_hour(sunday + 24 * HALF))
    expected = every_half(sunday + 19 * HALF, sunday + 24 * HALF)
    assert ends_read(answer) == [end for end in expected if end != sunday + 21 * HALF]
    assert [piece.record["file"] for piece in answer.torn] == [damaged.replace("__zip", ".zip")]


def test_a_poll_of_recent_hours_leaves_the_archive_alone() -> None:
    site = NemwebSite(MIDNIGHT - timedelta(days=2), NEWEST, archive_from=datetime(2026, 9, 27, tzinfo=AEST))
    reader_of(site.answer).read(to_hour(MIDNIGHT), None)
    assert not any(path.startswith(ARCHIVE) for path in site.requested)


def test_a_long_range_is_read_in_parts_that_overlap_in_no_hour() -> None:
    site = NemwebSite(MIDNIGHT - timedelta(days=6), NEWEST)
    reader, start = reader_of(site.answer), to_hour(MIDNIGHT - timedelta(days=5, hours=-1))
    first = reader.read(start, None)
    assert first.cut_at == start + FILES_PER_ANSWER // 2
    second = reader.read(first.cut_at, None)
    assert second.cut_at is None
    assert [*ends_read(first), *ends_read(second)] == every_half(MIDNIGHT - timedelta(days=5, hours=-1) + HALF, NEWEST)


def test_a_file_that_is_still_being_written_is_set_aside_and_read_with_the_next_poll() -> None:
    site = NemwebSite(MIDNIGHT, NEWEST)
    name = site.publish(NEWEST - timedelta(hours=1), 7.0)
    whole, site.files[name] = site.files[name], site.files[name][:100]
    reader = reader_of(site.answer)
    answer = reader.read(to_hour(MIDNIGHT), None)
    assert NEWEST - timedelta(hours=1) not in ends_read(answer)
    (piece,) = answer.torn
    assert piece.record == {"file": name}
    assert "no zip file" in piece.reason
    site.files[name] = whole
    again = reader.read(to_hour(MIDNIGHT), None)
    assert NEWEST - timedelta(hours=1) in ends_read(again)
    assert not again.torn


def test_a_listed_file_that_is_gone_is_set_aside() -> None:
    site = NemwebSite(MIDNIGHT, NEWEST)
    gone = f"{REPORT}_202610040500_20261004050006.zip"

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404) if request.url.path.endswith(gone) else site.answer(request)

    (piece,) = reader_of(answer).read(to_hour(MIDNIGHT), None).torn
    assert "404" in piece.reason


def test_a_poll_fails_where_none_of_its_new_files_can_be_read() -> None:
    site = NemwebSite(MIDNIGHT, NEWEST)
    reader = reader_of(site.answer)
    reader.read(to_hour(MIDNIGHT), None)
    site.files[f"{REPORT}_202610041100_20261004110006.zip"] = b"<html>Access denied</html>"
    with pytest.raises(SourceUnavailable, match=r"20261004110006\.zip is no zip file") as error:
        reader.read(to_hour(MIDNIGHT), None)
    assert error.value.cause == "bad_answer"


def test_a_server_that_wants_no_more_requests_fails_the_poll_with_its_pause() -> None:
    site = NemwebSite(MIDNIGHT, NEWEST)

    def answer(request: httpx.Request) -> httpx.Response:
        busy = httpx.Response(429, headers={"Retry-After": "1800"})
        return busy if request.url.path.endswith(".zip") else site.answer(request)

    with pytest.raises(SourceUnavailable) as error:
        reader_of(answer).read(to_hour(MIDNIGHT), None)
    assert (error.value.cause, error.value.retry_after_s) == ("rate_limited", 1800)


def test_of_a_forecast_only_the_file_that_was_made_last_is_read() -> None:
    site = NemwebSite(MIDNIGHT, NEWEST)
    site.publish(MIDNIGHT + HALF, 99.0, delay=timedelta(days=1))
    reader = reader_of(site.answer, newest_only=True)
    answer = reader.read(to_hour(MIDNIGHT), None)
    assert [record["OPERATIONAL_DEMAND"] for record in answer.records] == ["99", "100"]
    reader.read(to_hour(MIDNIGHT), None)
    assert sum(path.endswith(".zip") for path in site.requested) == 1, "it is not requested again"


def test_an_empty_folder_has_no_hours() -> None:
    site = NemwebSite(NEWEST, NEWEST - HALF)
    assert list(reader_of(site.answer).read(to_hour(MIDNIGHT), None).records) == []


def test_a_folder_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SourceRefused, match="404"):
        reader_of(NemwebSite(MIDNIGHT, NEWEST).answer, folder="/Reports/Current/Demand").read(0, None)


def test_a_page_that_lists_no_files_fails_the_poll() -> None:
    with pytest.raises(SourceUnavailable, match="no list of files"):
        listed_files(reply(b"<html>The site is down for maintenance</html>"), REPORT)


@pytest.mark.parametrize(
    "link",
    [
        '<A HREF="/REPORTS/CURRENT/X/{}">{}</A>',
        "<a href='{}'>x</a>",
        '<a class="f" href="https://elsewhere.test/{}">x</a>',
        "<A HREF={}>x</A>",
    ],
)
def test_links_are_read_by_their_last_part_however_they_are_written(link: str) -> None:
    name = f"{REPORT}_202610041030_20261004103006.zip"
    page = f"<pre>Parent Directory{link.format(name, name)}</pre>"
    (found,) = listed_files(reply(page.encode()), REPORT)
    assert (found.name, found.moment, found.made) == (name, NEWEST, "20261004103006")
    assert NEWEST.astimezone(UTC).hour == 0


def test_files_of_other_reports_and_names_without_a_date_are_left_out() -> None:
    names = [
        "PUBLIC_ACTUAL_OPERATIONAL_DEMAND_HH_AREA_202610041030_20261004103006.zip",
        f"{REPORT}_202613041030_20261004103006.zip",
        f"{REPORT}.zip",
        f"{REPORT}_202610041030_20261004103006.csv",
    ]
    page = "Parent Directory" + "".join(f'<a href="{name}">x</a>' for name in names)
    assert list(listed_files(reply(page.encode()), REPORT)) == []


def test_a_week_is_dated_by_its_first_day_in_market_time() -> None:
    page = f'<a href="{REPORT}_20260920.zip">parent directory</a>'
    (found,) = listed_files(reply(page.encode()), REPORT)
    assert found.moment == datetime(2026, 9, 19, 14, tzinfo=UTC)
    assert newest_versions([found]) == [found]


ROW = 'D,OPERATIONAL_DEMAND,ACTUAL,3,NSW1,"2026/10/04 10:30:00",7010'
HEAD = "I,OPERATIONAL_DEMAND,ACTUAL,3,REGIONID,INTERVAL_DATETIME,OPERATIONAL_DEMAND"


def csv_lines(*lines: str) -> str:
    return "\r\n".join([*lines, f'C,"END OF REPORT",{len(lines) + 1}'])


def test_rows_of_other_tables_are_left_out() -> None:
    text = csv_lines("C,comment", "I,OTHER,TABLE,1,A", "D,OTHER,TABLE,1,5", HEAD, ROW, "I,OTHER,TABLE,1,A")
    content = rows_of_csv(text, "x.zip", TABLE)
    assert [record["OPERATIONAL_DEMAND"] for record in content.records] == ["7010"]


def test_a_new_column_in_the_middle_does_not_move_the_others() -> None:
    content = rows_of_csv(
        csv_lines(HEAD.replace("REGIONID,", "REGIONID,NEW,"), ROW.replace("NSW1,", "NSW1,?,")), "x", TABLE
    )
    assert content.records[0]["OPERATIONAL_DEMAND"] == "7010"


def test_a_row_with_too_few_values_is_set_aside_with_its_line() -> None:
    content = rows_of_csv(csv_lines(HEAD, ROW, ROW.rpartition(",")[0]), "x.zip", TABLE)
    assert len(content.records) == 1
    assert content.torn[0].reason == "x.zip, line 3: 2 values for 3 columns"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([HEAD, ROW], "truncated"),
        ([HEAD, ROW, 'C,"END OF REPORT",9'], "truncated"),
        ([], "truncated"),
        (["C,comment", 'C,"END OF REPORT",2'], "no table OPERATIONAL_DEMAND.ACTUAL"),
        ([ROW, HEAD, 'C,"END OF REPORT",3'], "before its columns"),
    ],
)
def test_a_file_that_is_no_whole_report_is_unreadable(lines: Sequence[str], reason: str) -> None:
    with pytest.raises(MalformedAnswer, match=reason):
        rows_of_csv("\n".join(lines), "x.zip", TABLE)


def test_a_zip_file_that_unpacks_to_too_much_is_not_unpacked() -> None:
    bomb = zipped(a__CSV=bytes(MAX_UNPACKED + 1))
    assert len(bomb) < MAX_UNPACKED / 100
    with pytest.raises(MalformedAnswer, match="unpacks to"):
        rows_of_zip(bomb, "x.zip", TABLE)


def test_a_zip_file_with_two_files_is_unreadable() -> None:
    with pytest.raises(MalformedAnswer, match="2 files instead of one"):
        rows_of_zip(zipped(a__CSV="", b__CSV=""), "x.zip", TABLE)


def test_a_file_with_a_cell_that_does_not_end_is_malformed() -> None:
    text = csv_lines(HEAD, ROW.rpartition(",")[0] + ',"' + "1" * 200_000)
    with pytest.raises(MalformedAnswer, match=r"x\.zip is no CSV that can be read"):
        rows_of_csv(text, "x.zip", TABLE)
