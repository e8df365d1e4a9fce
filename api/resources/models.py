"""`/v1/models`: releases, the champion, and how it came to be."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field

from api.backends import Use
from api.bearer import TokenRequired
from api.edge.route import resource
from api.parameters import Text, Utc
from api.problems import FORBIDDEN, NOT_FOUND, ProblemDocument
from dayahead.storage.tables.model_release import list_releases
from dayahead.storage.tables.promotion import champion, promote, recent_promotions
from dayahead.storage.tables.tuning_run import recent_runs
from dayahead.topics import CHAMPION_KEY, MODEL_RELEASES

router = resource("/v1/models", "models")


class Promotion(BaseModel):
    """A release became the champion."""

    release: str
    previous: str | None = Field(description="The champion before")
    promoted_at: Utc = Field(description="When, UTC")
    promoted_by: str = Field(description="Who: trainer, a person, rollback")
    reason: str = Field(description="Why, in a sentence")


class ReleaseItem(BaseModel):
    """An immutable model version."""

    release: str = Field(description="Content-addressed id")
    created_at: Utc = Field(description="When it was saved, UTC")
    trained_from: Utc = Field(description="First hour that it learnt from, UTC")
    trained_until: Utc = Field(description="Hour after the last that it learnt from, UTC")
    data_fingerprint: str = Field(description="Hash of the data that it learnt from")
    settings: dict[str, Any] = Field(description="What it was fitted with")
    metrics: dict[str, Any] = Field(description="What it measured on held-out windows")
    artifact_bytes: int = Field(description="Size of the artifact")


class Training(BaseModel):
    """A training, or a request for one that was refused."""

    started_at: Utc = Field(description="When it started, UTC")
    finished_at: Utc | None = Field(description="When it ended, UTC; null while it runs")
    requested_by: str = Field(description="Who asked")
    reason: str = Field(description="Why it was asked for or refused")
    outcome: str = Field(description="What came of it")
    release: str | None = Field(description="Release that came out of it")
    promoted: bool = Field(description="Whether that became the champion")


class Models(BaseModel):
    """What serves, what there is, and how it came to be; newest first."""

    champion: Promotion | None = Field(description="What serves; null before the first promotion")
    releases: list[ReleaseItem]
    promotions: list[Promotion]
    trainings: list[Training]


class PromotionWish(BaseModel):
    """Who wants a release to serve, and why."""

    promoted_by: Text = Field(default="api", min_length=1, max_length=100, description="Who asks")
    reason: Text = Field(min_length=1, max_length=500, description="Why, in a sentence; it is kept in the log")


class Promoted(Promotion):
    """A promotion that was carried out."""

    announced: bool = Field(
        description="Whether topic `model-releases` has it; if not, workers see it in TimescaleDB all the same"
    )


@router.get("", summary="Releases, champion and promotion log")
def list_models(
    use: Use, limit: Annotated[int, Query(ge=1, le=200, description="Rows at most, per list")] = 20
) -> Models:
    """The champion, the releases with their metrics, the promotion log and the trainings, newest first."""
    with use.database.connection() as connection:
        serving = champion(connection)
        return Models(
            champion=Promotion.model_validate(serving, from_attributes=True) if serving else None,
            releases=[
                ReleaseItem.model_validate(record, from_attributes=True) for record in list_releases(connection, limit)
            ],
            promotions=[
                Promotion.model_validate(one, from_attributes=True) for one in recent_promotions(connection, limit)
            ],
            trainings=[Training.model_validate(run, from_attributes=True) for run in recent_runs(connection, limit)],
        )


@router.post(
    "/{release}/promote", summary="Make a release the champion", dependencies=[TokenRequired],
    responses=NOT_FOUND | FORBIDDEN | {409: {"model": ProblemDocument, "description": "It serves already"}},
)  # fmt: skip
def promote_release(use: Use, release: Text, wish: PromotionWish) -> Promoted:
    """Workers take it up within seconds, without a restart; going back is another promotion."""
    with use.database.connection() as connection:
        announcement = promote(connection, release, wish.promoted_by, wish.reason, use.now())
    announced = use.announcer.send(MODEL_RELEASES, CHAMPION_KEY, announcement)
    return Promoted(**dict(announcement), announced=announced)
