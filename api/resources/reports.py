"""`/v1/releases/{release}/reports` and `/v1/reports`: reports of drift and accuracy, kept with a release."""

from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.media import HTML
from api.edge.route import MEDIA_TYPE, resource
from api.parameters import Text, Utc
from api.problems import NOT_FOUND, no_report_page
from dayahead.drift.report_summary import ReportSummary
from dayahead.storage.tables.model_release import load_record
from dayahead.storage.tables.model_report import ReportKind, load_page, load_report, reports_of_release

router = resource("/v1", "reports")

GREATEST_NUMBER = 2**31 - 1

PAGE_HEADERS = {
    # The page carries all that it needs. It loads nothing, sends nothing, and has no part in our origin: not in what
    # the page at / keeps in its tab.
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; connect-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox allow-scripts",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
}


class Report(BaseModel):
    """A report, or one that could not be made."""

    report: int = Field(description="Its number")
    release: str = Field(description="Release that it is kept with")
    kind: ReportKind = Field(
        description="`training`: held-out hours of a training against those before; `weekly`: the last days of service "
        "against the weeks before"
    )
    made_at: Utc = Field(description="When, UTC")
    page_bytes: int = Field(description="Size of the page; 0 where it could not be made")
    failure: str | None = Field(description="Why it could not be made; null where it was")
    summary: ReportSummary | None = Field(description="What it says in numbers; null where it could not be made")


class Reports(BaseModel):
    """Reports of a release, newest first."""

    release: str
    reports: list[Report]


@router.get("/releases/{release}/reports", summary="Reports of a release", responses=NOT_FOUND)
def list_reports(
    use: Use, release: Text, limit: Annotated[int, Query(ge=1, le=200, description="Maximum number of reports")] = 20
) -> Reports:
    """The reports of drift and accuracy that are kept with a release, newest first, also those that failed."""
    with use.database.connection() as connection:
        load_record(connection, release)
        found = reports_of_release(connection, release, limit)
    return Reports(release=release, reports=[Report.model_validate(one, from_attributes=True) for one in found])


@router.get(
    "/reports/{report}",
    summary="One report, as a page or as JSON",
    response_model=Report,
    responses=NOT_FOUND | {200: {"content": {HTML: {"schema": {"type": "string"}}}}},
)
def one_report(
    use: Use, request: Request, report: Annotated[int, Path(ge=1, le=GREATEST_NUMBER, description="Its number")]
) -> Response | Report:
    """A report: its numbers, or with `Accept: text/html`, as browsers send it, its page, which loads nothing else."""
    with use.database.connection() as connection:
        found = load_report(connection, report)
        if request.scope[MEDIA_TYPE] != HTML:
            return Report.model_validate(found, from_attributes=True)
        if found.failure is not None:
            raise no_report_page(report, found.failure)
        return Response(load_page(connection, report), headers=PAGE_HEADERS, media_type=HTML)
