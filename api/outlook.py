"""What is worked out from a forecast when it is read: more quantiles, the chance to exceed a limit, a day's peak."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import psycopg
from fastapi import Depends, Query
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, Field

from api.parameters import Text
from dayahead.contracts import ABSURD_MAGNITUDE, Rung
from dayahead.horizon import days_of
from dayahead.quantiles import GREATEST_LEVEL, LEAST_LEVEL, peak_of_day, probability_above, quantile, shape_by_lead
from dayahead.storage.tables.release_shape import load_shape

MAX_LEVELS = 19

_LEVEL = r"0\.(?:[1-9]|(?:0[1-9]|[1-8][0-9]|9[0-8])[0-9]{0,3}|990{0,3})"
LEVELS_PATTERN = rf"^{_LEVEL}(?:,{_LEVEL}){{0,{MAX_LEVELS - 1}}}$"

PEAK_LEVELS = (0.1, 0.5, 0.9)

Message = Mapping[str, Any]
"""A forecast as topic `forecasts` carries it, decoded."""


def _levels(text: str) -> str:
    if re.fullmatch(LEVELS_PATTERN, text) is None:
        raise ValueError(
            f"write up to {MAX_LEVELS} levels from {LEAST_LEVEL} to {GREATEST_LEVEL}, parted by commas, like 0.05,0.95"
        )
    return text


Levels = Annotated[Text, AfterValidator(_levels), Field(json_schema_extra={"pattern": LEVELS_PATTERN})]


def _chosen_levels(
    quantiles: Annotated[
        Levels | None,
        Query(description="More quantiles, 0.01 to 0.99, worked out when the forecast is read: `0.05,0.25,0.75,0.95`"),
    ] = None,
) -> tuple[float, ...]:
    return tuple(sorted({float(level) for level in quantiles.split(",")})) if quantiles else ()


ChosenLevels = Annotated[tuple[float, ...], Depends(_chosen_levels)]
"""Parameter of a route that answers more quantiles, rising."""

Limit = Annotated[
    float | None,
    Query(
        ge=-ABSURD_MAGNITUDE,
        le=ABSURD_MAGNITUDE,
        description="Answer with the probability that each hour is greater than this, in the unit of the series",
    ),
]


class Outlook(BaseModel):
    """What is worked out on request."""

    quantiles: dict[str, list[float | None]] | None = Field(
        default=None, description="The quantiles of `quantiles`, by name (`p5` for 0.05) and hour; absent if not asked"
    )
    limit: float | None = Field(default=None, description="The limit that was given; absent if none was")
    above_limit: list[float | None] | None = Field(
        default=None, description="Probability of each hour to be greater than `limit`, 0 to 1; absent without a limit"
    )
    quantile_shape: str | None = Field(
        default=None,
        description="What they follow from besides p10, p50 and p90: `release`, the measured errors of the release; "
        "`normal`, normal errors, where no model made the hours or its release is older than version 0.3; `mixed`",
    )


class ReleaseShapes:
    """Shapes of releases, read once each: a release never changes."""

    def __init__(self) -> None:
        self._known: dict[str, NDArray[np.float32] | None] = {}

    def of(self, connection: psycopg.Connection[Any], releases: set[str | None]) -> None:
        """Read those that are not known yet."""
        for release in releases:
            if release is not None and release not in self._known:
                self._known[release] = load_shape(connection, release)

    def missing(self, releases: set[str | None]) -> bool:
        """Whether one of them has to be read."""
        return any(release is not None and release not in self._known for release in releases)

    def get(self, release: str | None) -> NDArray[np.float32] | None:
        """The shape of a release that was read; None where it has none."""
        return None if release is None else self._known.get(release)


def name_of(level: float) -> str:
    """Name of a quantile in answers: p5, p2.5."""
    return f"p{round(100 * level, 4):g}"


@dataclass(frozen=True)
class Spread:
    """The distribution of each hour of a forecast.

    Attributes:
        p10: float64 [leads], in the unit of the series; p50 and p90 the same.
        shape: float64 [leads, levels].
        source: `release`, `normal` or `mixed`.
    """

    p10: NDArray[np.float64]
    p50: NDArray[np.float64]
    p90: NDArray[np.float64]
    shape: NDArray[np.float64]
    source: str

    @classmethod
    def of(cls, message: Message, shapes: ReleaseShapes) -> "Spread":
        """The distribution of a forecast whose release was read."""
        p10, p50, p90 = (np.array(message[name], np.float64) for name in ("p10", "p50", "p90"))
        floors = [rung >= Rung.PROFILE for rung in day_rungs_of(message)]
        shape = shapes.get(message["release"])
        covered = 0 if shape is None else sum(not floor for floor in floors[: len(shape)])
        source = "normal" if not covered else "release" if covered == len(floors) else "mixed"
        return cls(p10, p50, p90, shape_by_lead(shape, floors, len(p50)), source)

    def quantile(self, level: float) -> list[float]:
        """The quantile of a level by lead; in float32, as the forecast's own."""
        made = quantile(self.p10, self.p50, self.p90, self.shape, level)
        if self._floored:
            made = np.maximum(made, 0.0)
        return _shortest(made)

    @property
    def _floored(self) -> bool:
        """Whether the forecast was kept from going below 0, as an hour at 0 shows: so are its other quantiles."""
        return len(self.p10) > 0 and bool(self.p10.min() == 0)

    def above(self, limit: float) -> list[float]:
        """The probability by lead to be greater than a limit."""
        if self._floored and limit < 0:
            return [1.0] * len(self.p50)
        above = probability_above(self.p10, self.p50, self.p90, self.shape, limit)
        return [round(value, 4) for value in above.tolist()]

    def peak(self, leads: Sequence[int | None], known: Sequence[float | None]) -> tuple[list[float], list[float]]:
        """The peak of some hours: 10, 50 and 90 % quantiles of its size, and how likely each hour is to be it.

        Args:
            leads: place of each hour in the forecast, from 0 on; None where it has none.
            known: value of each hour where the forecast has none.
        """
        places = np.array([0 if lead is None else lead for lead in leads])
        given = np.array([lead is None for lead in leads])
        values = np.array([np.nan if value is None else value for value in known], np.float64)
        low, middle, high = (np.where(given, values, part[places]) for part in (self.p10, self.p50, self.p90))
        size, chances = peak_of_day(low, middle, high, self.shape[places], PEAK_LEVELS)
        return _shortest(size), chances.tolist()


def _shortest(values: NDArray[np.float64]) -> list[float]:
    """The values in float32, each with the fewest digits that name it, as a forecast has its own."""
    return [float(str(value)) for value in values.astype(np.float32)]


def day_rungs_of(message: Message) -> list[int]:
    """Rung of each day of the horizon; messages of versions before 0.3 do not say it for later days."""
    known: list[int] | None = message.get("day_rungs")
    return [message["rung"]] * days_of(message["leads"]) if known is None else known


def asked_for(spread: Spread, levels: Sequence[float], limit: float | None) -> dict[str, Any]:
    """The fields of `Outlook` that a request asks for, by lead."""
    found: dict[str, Any] = {}
    if levels:
        found["quantiles"] = {name_of(level): spread.quantile(level) for level in levels}
    if limit is not None:
        found |= {"limit": limit, "above_limit": spread.above(limit)}
    return found | {"quantile_shape": spread.source} if found else found
