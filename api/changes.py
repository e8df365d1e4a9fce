"""Which entries of a list have changed since the version of it that a caller holds.

A list is cut into runs of a few entries, at ids that their checksum chooses, so that an entry that comes or goes moves
no other border. A version is the hashes of the runs. It comes back with the next request, so that nothing is kept here:
any process answers, also one that has just started.
"""

import base64
import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.edge.media import JSON

RUN_ENTRIES = 16
"""Entries of a run on average: one that changes sends about twice as many, and a version has a hash for each run."""
HASH_BYTES = 5
LONGEST_VERSION = 16_000
"""Characters: of 5,000 entries it has about 2,100."""

Since = Annotated[
    str | None,
    Query(
        max_length=LONGEST_VERSION,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="`version` of your last answer to this page: only what has changed since is sent, see `replaced`",
    ),
]


class Stretch(BaseModel):
    """Neighbouring series in the order of their ids, which is that of their UTF-8 bytes."""

    after: str | None = Field(description="They come after this series_id; null: from the first one on")
    up_to: str | None = Field(description="They end with this series_id; null: with the last one")


REPLACED = (
    "Drop every series that you hold in these stretches, and take those of this answer instead; without `since` it is "
    "the stretch of the page. Series outside of them are unchanged"
)
VERSION = "Version of this page, for `since`"


@dataclass(frozen=True)
class Changes:
    """What is sent of a page of a list.

    Attributes:
        bodies: entries in `replaced`, as JSON.
        replaced: the stretches that have changed, in the order of the list.
        version: of the page.
    """

    bodies: list[bytes]
    replaced: list[Stretch]
    version: str


@dataclass
class _Run:
    after: str | None
    up_to: str | None
    bodies: list[bytes]

    def digest(self) -> bytes:
        """Hash of the borders and the entries: whoever held a run of this hash holds exactly these entries in it."""
        found = hashlib.blake2b(digest_size=HASH_BYTES)
        for part in (repr(self.after).encode(), repr(self.up_to).encode(), *self.bodies):
            found.update(b"%d " % len(part))
            found.update(part)
        return found.digest()


def changes_of(
    entries: Sequence[tuple[str, bytes]], since: str | None, after: str | None, up_to: str | None
) -> Changes:
    """Find what a caller needs who holds a version of a page.

    Args:
        entries: series_id and JSON of each entry of the page, in the order of the ids.
        since: the version that the caller holds; None for no version.
        after: the page begins after this series_id; None at the start of the list.
        up_to: the last series_id of the page; None where the page ends the list.
    """
    held = set[bytes]() if since is None else set(_hashes(since))
    digests, bodies, replaced = list[bytes](), list[bytes](), list[Stretch]()
    for run in _runs(entries, after, up_to):
        digests.append(run.digest())
        if digests[-1] in held:
            continue
        bodies += run.bodies
        if replaced and replaced[-1].up_to == run.after:
            replaced[-1].up_to = run.up_to
        else:
            replaced.append(Stretch(after=run.after, up_to=run.up_to))
    version = base64.urlsafe_b64encode(b"".join(digests)).decode("ascii").rstrip("=")
    return Changes(bodies, replaced, version)


def page_response(
    name: str, changes: Changes, fields: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """The answer that is a page of a list.

    Args:
        name: field of the list.
        changes: what is sent of the page.
        fields: the other fields.
        headers: more headers.
    """
    more = {
        **fields,
        "version": changes.version,
        "replaced": [one.model_dump() for one in changes.replaced],
    }
    listed = b'{"%b":[%b],' % (name.encode(), b",".join(changes.bodies))
    return Response(listed + orjson.dumps(more)[1:], headers=dict(headers or {}), media_type=JSON)


def _runs(entries: Sequence[tuple[str, bytes]], after: str | None, up_to: str | None) -> Iterator[_Run]:
    """Cut a page into runs, which cover it without a gap; the last may be empty."""
    bodies = list[bytes]()
    for series_id, body in entries:
        bodies.append(body)
        if zlib.crc32(series_id.encode()) % RUN_ENTRIES == 0 and series_id != up_to:
            yield _Run(after, series_id, bodies)
            after, bodies = series_id, []
    yield _Run(after, up_to, bodies)


def _hashes(version: str) -> Iterator[bytes]:
    padded = version + "=" * (-len(version) % 4)
    try:
        joined = base64.urlsafe_b64decode(padded)
    except ValueError:  # a length that base64 cannot have: a version of no list
        return
    for start in range(0, len(joined), HASH_BYTES):
        yield joined[start : start + HASH_BYTES]
