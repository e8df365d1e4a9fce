"""NEMWeb, as aemo-demand.yaml reads it: folders of zip files as HTML pages, one file an interval that never changes,
weeks in the archive.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

from tests.dayahead.reading.kinds.conformance.shipped import shipped_fields
from tests.dayahead.reading.kinds.conformance.stand_in import Point, Request, Response, StandIn

MARKET = timezone(timedelta(hours=10))
REPORT = "PUBLIC_ACTUAL_OPERATIONAL_DEMAND_HH"
CURRENT = "/Reports/Current/Operational_Demand/ACTUAL_HH/"
ARCHIVE = "/Reports/Archive/Operational_Demand/ACTUAL_HH/"
COLUMNS = "REGIONID,INTERVAL_DATETIME,OPERATIONAL_DEMAND,OPERATIONAL_DEMAND_ADJUSTMENT,WDR_ESTIMATE,LASTCHANGED"
Rows = tuple[tuple[str, float | None], ...]
Folders = tuple[dict[str, bytes], dict[str, bytes]]


@cache
def zipped(members: tuple[tuple[str, bytes], ...]) -> bytes:
    """A zip file."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return body.getvalue()


@cache
def interval_file(end: datetime, version: int, rows: Rows) -> tuple[str, bytes]:
    """Name and content of the file of one interval."""
    made = end + timedelta(seconds=6 + 600 * version)
    name = f"{REPORT}_{end:%Y%m%d%H%M}_{made:%Y%m%d%H%M%S}"
    lines = [
        f"C,NEMP.WORLD,ACTUAL_OPERATIONAL_DEMAND_HH,AEMO,PUBLIC,{made:%Y/%m/%d},{made:%H:%M:%S},0000000528134281,DEMAND,1",
        f"I,OPERATIONAL_DEMAND,ACTUAL,3,{COLUMNS}",
        *(
            f'D,OPERATIONAL_DEMAND,ACTUAL,3,{region},"{end:%Y/%m/%d %H:%M:%S}",{"" if value is None else value},0,0,'
            f'"{made:%Y/%m/%d %H:%M:%S}"'
            for region, value in rows
        ),
    ]
    text = "\r\n".join([*lines, f'C,"END OF REPORT",{len(lines) + 1}', ""])
    return f"{name}.zip", zipped(((f"{name}.CSV", text.encode()),))


class _Nemweb(StandIn):
    kind = "nemweb"
    series = ("NSW1/operational demand", "SA1/operational demand")
    zone = "Australia/Brisbane"
    resolutions = (30,)
    archive: str | None = None

    def __init__(self) -> None:
        """Publish nothing yet."""
        self._versions: dict[datetime, list[Rows]] = {}
        self._published: tuple[Sequence[Point], int] = ((), -1)
        self._folders: Folders = ({}, {})

    def fields(self, address: str) -> Mapping[str, Any]:
        return {**shipped_fields("aemo-demand", address), "archive_folder": self.archive}

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        known, count = self._published
        if points is not known or len(points) != count:  # hundreds of requests for the same points
            self._published, self._folders = (points, len(points)), self._files(points)
        current, weeks = self._folders
        for folder, files in ((CURRENT, current), (ARCHIVE, weeks)):
            if request.path == folder:
                return Response(self._page(folder, files), headers={"Content-Type": "text/html"})
            if (name := request.path.removeprefix(folder)) in files:
                return Response(files[name], headers={"Content-Type": "application/x-zip-compressed"})
        return Response("<html><title>404 - File or directory not found.</title></html>", 404)

    def _files(self, points: Sequence[Point]) -> Folders:
        """The files of the newest intervals, and those of the weeks of which none is among them."""
        rows: dict[datetime, list[tuple[str, float | None]]] = {}
        for point in points:
            end = (point.start + timedelta(minutes=point.minutes)).astimezone(MARKET)
            rows.setdefault(end, []).append((point.series.split("/")[0], point.value))
        for end, given in rows.items():
            versions = self._versions.setdefault(end, [])
            if not versions or versions[-1] != tuple(given):
                versions.append(tuple(given))
        last = max(rows, default=None)
        current: dict[str, bytes] = {}
        weeks: dict[datetime, dict[str, bytes]] = {}
        for end in rows:
            sunday = (end - timedelta(days=(end.weekday() + 1) % 7)).replace(hour=0, minute=0)
            is_over = last is not None and sunday + timedelta(days=7) <= last
            group = weeks.setdefault(sunday, {}) if self.archive and is_over else current
            group.update(interval_file(end, number, given) for number, given in enumerate(self._versions[end]))
        return current, {
            f"{REPORT}_{sunday:%Y%m%d}.zip": zipped(tuple(files.items())) for sunday, files in weeks.items()
        }

    def _page(self, folder: str, files: Mapping[str, bytes]) -> str:
        links = "".join(
            f'  Tuesday, November 18, 2025  4:33 PM {len(body):>12} <A HREF="{folder.upper()}{name}">{name}</A><br>'
            for name, body in files.items()
        )
        return (
            f"<html><head><title>nemweb.com.au - {folder}</title></head><body><H1>nemweb.com.au - {folder}</H1><hr>"
            f'\r\n\r\n<pre><A HREF="/Reports/">[To Parent Directory]</A><br><br>{links}</pre><hr></body></html>'
        )


class NemwebNewestFiles(_Nemweb):
    """The folder of the newest files alone; an answer of the kind holds 100 hours of them."""

    cap_h = 101


class NemwebWithArchive(_Nemweb):
    """The same with weeks that are over in the archive only."""

    archive = ARCHIVE
