"""What weather is worth in a backtest: errors with it, without it, and with perfect weather, on the same hours."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from dayahead.evaluation.backtest import RunResult
from dayahead.evaluation.metrics import ratio
from dayahead.horizon import DAY_LEADS
from trainer.backtest.weather import Variant

ABLATION_FILE = "weather.json"
LEAD_BOUNDS = (1, 4, 7, 13, 25)
"""First leads of the groups of day 1; each later day of the horizon is a group."""

SEASONS = ("December to February", "March to May", "June to August", "September to November")
MONTHS_OF_A_SEASON = 3


@dataclass(frozen=True)
class WeatherSlice:
    """Errors of some forecast hours; WAPE by what was known of the weather, NaN where a variant was not made.

    Attributes:
        name: which hours.
        hours: how many, with a known actual and a forecast of each variant.
        with_: as served.
        without: by load alone.
        perfect: with observed weather, as if it had been forecast without any error.
    """

    name: str
    hours: int
    with_: float
    without: float
    perfect: float

    @property
    def gain(self) -> float:
        """Share of the error without weather that weather takes away; below 0 where it adds."""
        return ratio(self.without - self.with_, self.without)

    @property
    def of_the_weather(self) -> float:
        """Share of the error with weather that perfect weather would take away: errors of the weather's forecast."""
        return ratio(self.with_ - self.perfect, self.with_)


@dataclass(frozen=True)
class Ablation:
    """What weather is worth.

    Attributes:
        basis: what the weather was, in a sentence.
        places: how the places of the series were found, in a sentence.
        coverage: share of day 1's hours within the 10-90 % band, by variant.
        whole: day 1 of the horizon.
        by_lead: groups of leads of day 1, then each later day of the horizon.
        by_season: by the month of the hour (UTC), day 1.
        by_series: day 1, those that gain most first.
    """

    basis: str
    places: str
    coverage: dict[Variant, float]
    whole: WeatherSlice
    by_lead: list[WeatherSlice]
    by_season: list[WeatherSlice]
    by_series: list[WeatherSlice]

    @property
    def losing(self) -> list[WeatherSlice]:
        """Series whose error is larger with weather than without."""
        return [one for one in self.by_series if one.gain < 0]


def ablation_of(results: Mapping[Variant, RunResult], basis: str, places: str) -> Ablation:
    """Compare the variants of a backtest.

    Args:
        results: of the same series and origins; with and without weather, and perhaps perfect weather.
        basis: what the weather was.
        places: how the places were found.
    """
    compared = _Compared.of(results)
    leads = compared.known.shape[1]
    first = np.broadcast_to(np.arange(leads) < DAY_LEADS, compared.known.shape)
    series_ids = compared.result.series_ids
    of_series = np.broadcast_to(compared.result.series[:, None], compared.known.shape)
    by_series = compared.slices(np.where(first, of_series, -1), series_ids)
    (whole,) = compared.slices(np.where(first, 0, -1), ["all"])
    return Ablation(
        basis=basis,
        places=places,
        coverage={variant: result.first_day.accuracy().coverage for variant, result in results.items()},
        whole=whole,
        by_lead=compared.slices(np.broadcast_to(_lead_group(leads), first.shape), _lead_names(leads)),
        by_season=[one for one in compared.slices(np.where(first, _season(compared.result), -1), SEASONS) if one.hours],
        by_series=sorted((one for one in by_series if one.hours), key=lambda one: (-one.gain, one.name)),
    )


def write_ablation(ablation: Ablation, folder: Path) -> Path:
    """Write `weather.json`: shares as numbers, null where unknown."""
    file = folder / ABLATION_FILE
    document = {
        "basis": ablation.basis,
        "places": ablation.places,
        "coverage": {str(variant): value for variant, value in ablation.coverage.items()},
        "whole": _document(ablation.whole),
        "by_lead": [_document(one) for one in ablation.by_lead],
        "by_season": [_document(one) for one in ablation.by_season],
        "by_series": [_document(one) for one in ablation.by_series],
    }
    # orjson writes NaN as null
    file.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    return file


def _document(one: WeatherSlice) -> dict[str, object]:
    fields = asdict(one)
    fields["with"] = fields.pop("with_")
    return fields | {"gain": one.gain, "of_the_weather": one.of_the_weather}


@dataclass(frozen=True)
class _Compared:
    """Hours that every variant forecasts; [n, leads]."""

    result: RunResult
    known: NDArray[np.bool_]
    size: NDArray[np.float64]
    error: dict[Variant, NDArray[np.float64]]

    @classmethod
    def of(cls, results: Mapping[Variant, RunResult]) -> "_Compared":
        result = results[Variant.WITH]
        known = np.isfinite(result.actual)
        for other in results.values():
            if not (np.array_equal(other.series, result.series) and np.array_equal(other.origin, result.origin)):
                raise ValueError("the variants of an ablation must have the same series and origins")
            known = known & np.isfinite(other.p50)
        error = {
            variant: np.where(known, np.abs(other.p50.astype(np.float64) - result.actual), 0.0)
            for variant, other in results.items()
        }
        return cls(result, known, np.where(known, np.abs(result.actual), 0.0), error)

    def slices(self, group: NDArray[np.integer], names: Sequence[str]) -> list[WeatherSlice]:
        """One slice a name; `group` [n, leads] is the index of the name of each hour, -1 for none."""
        mine = self.known & (group >= 0)
        of, count = group[mine], len(names)
        hours = np.bincount(of, minlength=count)
        size = np.bincount(of, self.size[mine], count)
        errors = {variant: np.bincount(of, error[mine], count) for variant, error in self.error.items()}
        made = []
        for number, name in enumerate(names):
            wape = {
                variant: ratio(float(errors[variant][number]), float(size[number])) if variant in errors else np.nan
                for variant in Variant
            }
            made.append(
                WeatherSlice(name, int(hours[number]), wape[Variant.WITH], wape[Variant.WITHOUT], wape[Variant.PERFECT])
            )
        return made


def _lead_group(leads: int) -> NDArray[np.int64]:
    lead = np.arange(1, leads + 1)
    in_day = np.searchsorted(LEAD_BOUNDS, lead, side="right") - 1
    later = len(LEAD_BOUNDS) - 2 + (lead - 1) // DAY_LEADS
    return np.where(lead <= DAY_LEADS, in_day, later)


def _lead_names(leads: int) -> list[str]:
    first_day = [f"lead {low} to {high - 1} h" for low, high in pairwise(LEAD_BOUNDS)]
    later = [
        f"lead {first} to {min(first + DAY_LEADS - 1, leads)} h" for first in range(DAY_LEADS + 1, leads + 1, DAY_LEADS)
    ]
    return [*first_day, *later]


def _season(result: RunResult) -> NDArray[np.int64]:
    """Season of the month of each hour; [n, leads]."""
    valid = result.origin[:, None] + np.arange(1, result.p50.shape[1] + 1)
    month = valid.astype("datetime64[h]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    return np.asarray(month % 12 // MONTHS_OF_A_SEASON)
