"""`/v1/models`: releases, the champion, promotions and trainings."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field, field_validator

from api.backends import Backends, Use
from api.bearer import TokenRequired
from api.edge.route import resource
from api.parameters import Text, Utc
from api.problems import FORBIDDEN, NOT_FOUND, ProblemDocument, rollback_leads_elsewhere
from dayahead.contracts import ReleaseAnnouncement
from dayahead.storage.tables.model_release import list_releases
from dayahead.storage.tables.model_report import ReportRecord, newest_pages, reports_of_runs
from dayahead.storage.tables.promotion import (
    ROLLBACK,
    champion,
    promote,
    recent_promotions,
    roll_back,
    rollback_target,
)
from dayahead.storage.tables.tuning_run import TuningRun, recent_runs
from dayahead.topics import CHAMPION_KEY, MODEL_RELEASES

router = resource("/v1/models", "models")


class Promotion(BaseModel):
    """A promotion of a release to champion."""

    release: str
    previous: str | None = Field(description="The champion before")
    promoted_at: Utc = Field(description="When, UTC")
    promoted_by: str = Field(description="By whom: trainer, a person, rollback")
    reason: str = Field(description="Why, in a sentence")


class ReleaseItem(BaseModel):
    """An immutable model version."""

    release: str = Field(description="Content-addressed id")
    created_at: Utc = Field(description="When it was saved, UTC")
    trained_from: Utc = Field(description="First hour of its training data, UTC")
    trained_until: Utc = Field(description="Hour after the last one of its training data, UTC")
    data_fingerprint: str = Field(description="Hash of its training data")
    settings: dict[str, Any] = Field(description="Settings of the fit")
    metrics: dict[str, Any] = Field(
        description="Accuracy on held-out windows; `day_2_wape` and so on are of later days of the horizon, "
        "`day_2_by_model` is 0 where its member lost to the naive and the profile forecasts that day"
    )
    artifact_bytes: int = Field(description="Size of the artifact")
    report: int | None = Field(
        default=None, description="Number of its newest report of drift and accuracy; null without one"
    )


class Training(BaseModel):
    """A training, or a request for one that was refused."""

    started_at: Utc = Field(description="When it started, UTC")
    finished_at: Utc | None = Field(description="When it ended, UTC; null while it runs")
    requested_by: str = Field(description="Who asked")
    reason: str = Field(description="Why it was requested or refused")
    outcome: str = Field(description="Its outcome")
    explanation: str = Field(description="Why it ended so: what the gate says, or the error; empty while it runs")
    release: str | None = Field(description="The resulting release")
    promoted: bool = Field(description="Whether that release became the champion")
    report: int | None = Field(default=None, description="Number of its report of drift and accuracy; null without one")
    report_failure: str | None = Field(
        default=None, description="Why its report could not be made; null where it was, or is still being made"
    )


class Models(BaseModel):
    """The champion, all releases, promotions and trainings, newest first."""

    champion: Promotion | None = Field(description="The champion; null before the first promotion")
    rollback_to: str | None = Field(description="The release that a rollback would make the champion; null if none")
    releases: list[ReleaseItem]
    promotions: list[Promotion]
    trainings: list[Training]


class PromotionWish(BaseModel):
    """A request to promote a release."""

    promoted_by: Text = Field(default="api", min_length=1, max_length=100, description="Who asks")
    reason: Text = Field(min_length=1, max_length=500, description="Why, in a sentence; stored in the log")

    @field_validator("promoted_by")
    @classmethod
    def _is_no_rollback(cls, promoted_by: str) -> str:
        if promoted_by == ROLLBACK:
            raise ValueError(f"{ROLLBACK!r} marks rollbacks in the log: name who asks, or POST /v1/models/rollback")
        return promoted_by


class RollbackWish(BaseModel):
    """A request to roll back."""

    reason: Text = Field(min_length=1, max_length=500, description="Why, in a sentence; stored in the log")
    release: str | None = Field(
        default=None,
        description="`rollback_to` as it was read: nothing is changed where a rollback would now lead elsewhere",
    )


class Promoted(Promotion):
    """A completed promotion."""

    announced: bool = Field(
        description="Whether it is in topic `model-releases`; if not, workers still find it in TimescaleDB"
    )


@router.get("", summary="Releases, champion and promotion log")
def list_models(
    use: Use, limit: Annotated[int, Query(ge=1, le=200, description="Maximum number of rows per list")] = 20
) -> Models:
    """The champion, the releases with their metrics, the promotion log and the trainings, newest first."""
    with use.database.connection() as connection:
        serving, releases, runs = champion(connection), list_releases(connection, limit), recent_runs(connection, limit)
        pages = newest_pages(connection, [record.release for record in releases])
        reports = reports_of_runs(connection, [run.tuning_run_key for run in runs])
        return Models(
            champion=Promotion.model_validate(serving, from_attributes=True) if serving else None,
            rollback_to=rollback_target(connection),
            releases=[
                ReleaseItem.model_validate({**vars(record), "report": pages.get(record.release)}) for record in releases
            ],
            promotions=[
                Promotion.model_validate(one, from_attributes=True) for one in recent_promotions(connection, limit)
            ],
            trainings=[_training(run, reports.get(run.tuning_run_key)) for run in runs],
        )


def _training(run: TuningRun, report: ReportRecord | None) -> Training:
    explanation = run.details.get("reason", "")
    failure = report.failure if report else None
    number = report.report if report and not failure else None
    return Training.model_validate(
        {**vars(run), "explanation": explanation, "report": number, "report_failure": failure}
    )


@router.post(
    "/{release}/promote", summary="Make a release the champion", dependencies=[TokenRequired],
    responses=NOT_FOUND | FORBIDDEN | {409: {"model": ProblemDocument, "description": "It is the champion already"}},
)  # fmt: skip
def promote_release(use: Use, release: Text, wish: PromotionWish) -> Promoted:
    """Workers load it within seconds, without a restart; to go back, promote another release."""
    with use.database.connection() as connection:
        announcement = promote(connection, release, wish.promoted_by, wish.reason, use.now())
    return _announced(use, announcement)


@router.post(
    "/rollback", summary="Roll back to the champion before", dependencies=[TokenRequired],
    responses=FORBIDDEN | {409: {"model": ProblemDocument, "description": "No champion comes before, or another one"}},
)  # fmt: skip
def roll_back_release(use: Use, wish: RollbackWish) -> Promoted:
    """Make the release before the champion serve again; twice in a row goes back two. `rollback_to` names it."""
    with use.database.connection() as connection:
        announcement = roll_back(connection, wish.reason, use.now())
        if wish.release not in {None, announcement.release}:
            raise rollback_leads_elsewhere(wish.release, announcement)
    return _announced(use, announcement)


def _announced(use: Backends, announcement: ReleaseAnnouncement) -> Promoted:
    announced = use.announcer.send(MODEL_RELEASES, CHAMPION_KEY, announcement)
    return Promoted(**dict(announcement), announced=announced)
