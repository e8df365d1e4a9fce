"""`/v1/dead-letters`: what was rejected, why, and the remedy. Values need the token."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.backends import Backends, Use
from api.bearer import TokenRequired
from api.edge.route import resource
from api.letters import Letter
from api.parameters import Moment, Text, Utc
from api.problems import FORBIDDEN, NOT_FOUND, Problem, server_away
from dayahead.dead_letters import remedy_of
from dayahead.errors import BrokerUnavailable, SettingsError
from dayahead.storage.tables.dead_letter_replay import replayed_at

router = resource("/v1/dead-letters", "dead letters")

LARGEST_OFFSET = 2**63 - 1
KAFKA_REMEDY = "Check that it runs (dayahead status) and DAYAHEAD_KAFKA_BOOTSTRAP."


class DeadLetterItem(BaseModel):
    """A rejected message, row or record."""

    offset: int = Field(description="Offset in observations.dead-letter, its id on the command line")
    time: str = Field(description="When it was rejected, UTC")
    stage: str = Field(description="Where it was rejected: `ingest` or `stream`")
    code: str = Field(description="Reason code")
    reason: str = Field(description="Why, in a sentence")
    source: str = Field(description="Name of the source, if known")
    series_id: str = Field(description="The one series that it is of; empty where that is not known")
    source_topic: str = Field(description="Topic that it was read from; empty for a record that was never in Kafka")
    source_partition: int = Field(description="Partition of that topic; -1 for a record that was never in Kafka")
    source_offset: int = Field(description="Offset in that partition; -1 for a record that was never in Kafka")
    size: int = Field(description="Bytes of the original")
    sha256: str = Field(description="SHA-256 of the original, hexadecimal")
    whole: bool = Field(description="Whether the letter has the whole original, not only its first 16 KiB")
    remedy: str = Field(description="The remedy")


class ListedLetter(DeadLetterItem):
    """A letter in a list."""

    replayed_at: Utc | None = Field(description="When it was replayed into observations, UTC; null if it was not")


class DeadLetterCount(BaseModel):
    """Letters of one code."""

    code: str
    letters: int
    oldest: Utc = Field(description="When the oldest of them was written, UTC")
    newest: Utc = Field(description="When the newest of them was written, UTC")
    remedy: str = Field(description="The remedy")


class DeadLetters(BaseModel):
    """Dead letters, newest first."""

    letters: list[ListedLetter]
    counts: list[DeadLetterCount] = Field(description="Number of matching letters by code, highest first")
    looked_at: int = Field(description="Number of letters read: the newest, 1,000 at most")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


class WholeLetter(DeadLetterItem):
    """A letter with its value, and with key and headers of its message (`original_…`)."""

    model_config = ConfigDict(extra="allow")

    value: str | None = Field(default=None, description="The value, if it is UTF-8")
    value_base64: str | None = Field(default=None, description="The value in base64, if it is not UTF-8")


@router.get("", summary="Dead letters")
def list_dead_letters(
    use: Use,
    code: Annotated[str | None, Query(max_length=60, description="Only those with this code, e.g. null_value")] = None,
    series_id: Annotated[Text | None, Query(max_length=600, description="Only those of this series")] = None,
    since: Annotated[Moment | None, Query(description="Only those written at or after this moment, UTC")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Maximum number of letters")] = 50,
    cursor: Annotated[
        str | None,
        Query(pattern=r"^[0-9]{1,18}$", description="`next_cursor` of the previous page; omit for the first page"),
    ] = None,
) -> DeadLetters:
    """The newest dead letters without their values, and their number by code.

    Only the newest 1,000 letters; `dayahead dead-letters list` reads the whole topic.
    """
    try:
        known = use.letters.newest()
    except BrokerUnavailable as error:
        raise server_away("Kafka", KAFKA_REMEDY) from error
    fit = [one for one in known if _fits(one, code, series_id, since)]
    rest = [one for one in fit if cursor is None or one.offset < int(cursor)]
    page = rest[:limit]
    replayed = _replayed(use, page)
    return DeadLetters(
        letters=[ListedLetter(**one.fields, replayed_at=replayed.get(one.offset)) for one in page],
        counts=_counts(fit),
        looked_at=len(known),
        next_cursor=str(page[-1].offset) if len(rest) > limit else None,
    )


@router.get(
    "/{offset}",
    summary="One dead letter with its value",
    dependencies=[TokenRequired],
    responses=NOT_FOUND | FORBIDDEN,
)
def whole_letter(
    use: Use, offset: Annotated[int, Path(ge=0, le=LARGEST_OFFSET, description="Its offset, as in the list")]
) -> WholeLetter:
    """A dead letter with its original value; needs the token."""
    try:
        return WholeLetter(**use.letters.whole(offset))
    except SettingsError as error:
        raise Problem(404, "unknown-dead-letter", "No such dead letter", f"{error}.") from error
    except BrokerUnavailable as error:
        raise server_away("Kafka", KAFKA_REMEDY) from error


def _fits(letter: Letter, code: str | None, series_id: str | None, since: datetime | None) -> bool:
    return (
        (code is None or letter.fields["code"] == code)
        and (series_id is None or letter.fields["series_id"] == series_id)
        and (since is None or letter.written_at >= since)
    )


def _counts(letters: list[Letter]) -> list[DeadLetterCount]:
    counts = Counter[str](one.fields["code"] for one in letters)
    newest: dict[str, datetime] = {}
    oldest: dict[str, datetime] = {}
    for one in letters:
        newest.setdefault(one.fields["code"], one.written_at)
        oldest[one.fields["code"]] = one.written_at
    return [
        DeadLetterCount(code=code, letters=count, oldest=oldest[code], newest=newest[code], remedy=remedy_of(code))
        for code, count in counts.most_common()
    ]


def _replayed(use: Backends, page: list[Letter]) -> dict[int, Any]:
    if not page:
        return {}
    with use.database.connection() as connection:
        return dict(replayed_at(connection, use.letters.topic, [(one.offset, one.written_at) for one in page]))
