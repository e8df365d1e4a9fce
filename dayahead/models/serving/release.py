"""A release: an immutable, content-addressed model that a worker needs nothing else for.

Layout of the bytes: a magic line, the length of the manifest, the manifest (JSON with sorted keys), then the arrays
and texts that it lists, one after the other. The id is the hash of exactly these bytes.
"""

import hashlib
import zlib
from collections.abc import Collection
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import ValidationError

from dayahead.errors import ReleaseError
from dayahead.features.linear import linear_feature_names
from dayahead.features.trees import TREE_FEATURES
from dayahead.hours import Hour
from dayahead.models.serving.release_weather import ReleaseWeather, weather_feature_names
from dayahead.models.settings import ModelSettings

MAGIC = b"dayahead-release-1\n"
_ARRAYS = ("coefficients", "band_multipliers")
_TEXTS = ("correction", "spread")
_SHAPE = "quantile_shape"


@dataclass(frozen=True)
class FeatureSpec:
    """What the features of a release are, so that another version of the code refuses it instead of misreading it.

    Attributes:
        annual: whether the season is among the linear features.
        screened: whether implausible values are set aside.
        linear: names of the linear features, in order.
        trees: names of the tree features, in order.
        later_days: names of the linear features of day 2 of the horizon, of day 3, and so on, in order.
    """

    annual: bool
    screened: bool
    linear: tuple[str, ...]
    trees: tuple[str, ...]
    later_days: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, *, annual: bool, screened: bool, days: int = 1) -> "FeatureSpec":
        """The specification of this version of the code, for a horizon of so many days."""
        first, *later = (tuple(linear_feature_names(annual=annual, day=day)) for day in range(1, days + 1))
        return cls(annual, screened, first, TREE_FEATURES, tuple(later))


@dataclass(frozen=True)
class LaterDay:
    """What a release knows of a day of the horizon after the first.

    Attributes:
        coefficients: float32 [24 hours of day, features, 24 leads] of the day's linear member.
        band_multipliers: float32 [24 hours of day, 24 leads, 2], 10 and 90 % quantiles of error / spread.
        beats_naive: whether the member beat the naives on blocks of time that it had not seen; else the profile
            (rung 3) forecasts the day.
        quantile_shape: float32 [24 leads, levels], as of `Release`.
    """

    coefficients: NDArray[np.float32]
    band_multipliers: NDArray[np.float32]
    beats_naive: bool
    quantile_shape: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Release:
    """A fitted model. Same data, settings and seed make the same bytes and therefore the same id.

    Attributes:
        settings: what it was fitted with.
        seed: of everything random in the fit.
        feature_spec: what its features are.
        trained_from: first hour of the training data.
        trained_until: the hour after the last one.
        data_fingerprint: of the training data.
        coefficients: float32 [24 hours of day, features, 24 leads] of the linear member.
        optimism: by how much the linear member's errors are larger on hours that it was not fitted on.
        correction: LightGBM text that corrects the linear member; empty for none.
        spread: LightGBM text for the logarithm of |error| / usual error; empty for none.
        band_multipliers: float32 [24 hours of day, 24 leads, 2], 10 and 90 % quantiles of error / spread; of older
            releases [24 leads, 2], for all hours of the day.
        metrics: what was measured on the held-out block of the training time.
        later_days: days 2, 3 … of the horizon; none in a release for 24 hours.
        quantile_shape: float32 [24 leads, levels of dayahead.quantiles], where the other quantiles lie when the band is
            from -1 to +1; None in releases of versions before 0.3.
        weather: the member that knows the weather; None in a release that was fitted without.
    """

    settings: ModelSettings
    seed: int
    feature_spec: FeatureSpec
    trained_from: Hour
    trained_until: Hour
    data_fingerprint: str
    coefficients: NDArray[np.float32]
    optimism: float
    correction: str
    spread: str
    band_multipliers: NDArray[np.float32]
    metrics: dict[str, float] = field(default_factory=dict)
    later_days: tuple[LaterDay, ...] = ()
    quantile_shape: NDArray[np.float32] | None = None
    weather: ReleaseWeather | None = None

    @property
    def weather_days(self) -> tuple[int, ...]:
        """Days of the horizon that the member with weather forecasts where the weather is known."""
        return () if self.weather is None else self.weather.served_days

    @property
    def shape_by_day(self) -> NDArray[np.float32] | None:
        """Shape of the quantiles of each day of the horizon, float32 [days, 24, levels]; None where a day has none.

        Of a day that the weather serves it is the shape of that member, also for hours that the weather does not reach.
        """
        shapes = [self.quantile_shape, *(later.quantile_shape for later in self.later_days)]
        if self.weather is not None:
            for day in self.weather_days:
                shapes[day - 1] = self.weather.days[day - 1].quantile_shape
        known = [shape for shape in shapes if shape is not None]
        return np.stack(known) if len(known) == len(shapes) else None

    @property
    def days(self) -> int:
        """Days of the horizon that the release has a member for."""
        return 1 + len(self.later_days)

    @property
    def floor_days(self) -> tuple[int, ...]:
        """Days of the horizon that no member of the release forecasts better than the naive: the profile does."""
        return tuple(day for day in self.plain_floor_days if day not in self.weather_days)

    @property
    def plain_floor_days(self) -> tuple[int, ...]:
        """Days of the horizon that the profile forecasts where the weather is not known."""
        return tuple(day for day, later in enumerate(self.later_days, start=2) if not later.beats_naive)

    def with_floor(self, days: Collection[int]) -> "Release":
        """The release in which the profile also forecasts some days of the horizon: another release, of another id."""
        if set(days) <= set(self.floor_days):
            return self
        later = [
            replace(later, beats_naive=later.beats_naive and day not in days)
            for day, later in enumerate(self.later_days, start=2)
        ]
        weather = None if self.weather is None else self.weather.without(frozenset(days))
        return replace(self, later_days=tuple(later), weather=weather)

    def without_floor(self) -> "Release":
        """The release in which each day's own member forecasts it, to measure what the members can do."""
        return replace(self, later_days=tuple(replace(later, beats_naive=True) for later in self.later_days))

    @cached_property
    def release_id(self) -> str:
        """Name of the release: `r-` and twelve hex digits of its content."""
        return "r-" + hashlib.sha256(self._content).hexdigest()[:12]

    def to_bytes(self) -> bytes:
        """The artifact."""
        return MAGIC + zlib.compress(self._content, 6)

    @classmethod
    def from_bytes(cls, artifact: bytes) -> "Release":
        """Read an artifact.

        Raises:
            ReleaseError: the bytes are damaged, or made by a version whose features this one does not compute.
        """
        if not artifact.startswith(MAGIC):
            raise ReleaseError(
                f"a release starts with {MAGIC.decode().strip()!r}, this one with {artifact[:20]!r}: train a new one"
            )
        try:
            content = zlib.decompress(artifact[len(MAGIC) :])
            size = int.from_bytes(content[:8], "big")
            manifest = orjson.loads(content[8 : 8 + size])
            settings = ModelSettings.model_validate(manifest["settings"])
            parts = _split(content[8 + size :], manifest["parts"])
            later_days = tuple(
                LaterDay(
                    parts.pop(_part_of_day("coefficients", day)),
                    parts.pop(_part_of_day("band_multipliers", day)),
                    beats_naive,
                    parts.pop(_part_of_day(_SHAPE, day), None),
                )
                for day, beats_naive in enumerate(manifest.get("beats_naive", []), start=2)
            )
            spec = manifest["feature_spec"]
            later_names = tuple(tuple(names) for names in spec.get("later_days", []))
            known = manifest.get("weather")
            weather = None if known is None else ReleaseWeather.take_from(known, parts)
            release = cls(
                settings=settings,
                seed=manifest["seed"],
                feature_spec=FeatureSpec(
                    spec["annual"], spec["screened"], tuple(spec["linear"]), tuple(spec["trees"]), later_names
                ),
                trained_from=manifest["trained_from"],
                trained_until=manifest["trained_until"],
                data_fingerprint=manifest["data_fingerprint"],
                optimism=manifest["optimism"],
                metrics=manifest["metrics"],
                later_days=later_days,
                weather=weather,
                **parts,
            )
        except (zlib.error, orjson.JSONDecodeError, KeyError, ValueError, TypeError, ValidationError) as error:
            raise ReleaseError(f"a release is damaged or of another version ({error}): train a new one") from error
        spec_read = release.feature_spec
        expected = FeatureSpec.of(annual=spec_read.annual, screened=spec_read.screened, days=release.days)
        if spec_read != expected or (known is not None and known["features"] != weather_feature_names()):
            raise ReleaseError(
                f"release {release.release_id} has features that this version of Dayahead does not compute: "
                "run the version that trained it, or train a new one"
            )
        return release

    @cached_property
    def _content(self) -> bytes:
        parts: dict[str, NDArray[np.float32] | str] = {name: getattr(self, name) for name in (*_ARRAYS, *_TEXTS)}
        if self.quantile_shape is not None:
            parts[_SHAPE] = self.quantile_shape
        for day, later in enumerate(self.later_days, start=2):
            parts |= {_part_of_day(name, day): getattr(later, name) for name in _ARRAYS}
            if later.quantile_shape is not None:
                parts[_part_of_day(_SHAPE, day)] = later.quantile_shape
        if self.weather is not None:
            parts |= self.weather.parts()
        blobs = {name: _blob(part) for name, part in parts.items()}
        spec = {item.name: getattr(self.feature_spec, item.name) for item in fields(FeatureSpec)}
        facts = {
            "settings": self.settings.model_dump(mode="json"),
            "seed": self.seed,
            "feature_spec": spec,
            "trained_from": self.trained_from,
            "trained_until": self.trained_until,
            "data_fingerprint": self.data_fingerprint,
            "optimism": self.optimism,
            "metrics": self.metrics,
            "parts": [
                {"name": name, "bytes": len(blob), "shape": None if isinstance(part, str) else list(part.shape)}
                for (name, part), blob in zip(parts.items(), blobs.values(), strict=True)
            ],
        }
        if self.later_days:
            facts["beats_naive"] = [later.beats_naive for later in self.later_days]
        else:
            del spec["later_days"]  # as releases for 24 hours have always been written
        if self.weather is not None:
            facts["weather"] = self.weather.facts()
        manifest = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)
        return len(manifest).to_bytes(8, "big") + manifest + b"".join(blobs.values())


def _part_of_day(name: str, day: int) -> str:
    return f"{name}_day_{day}"


def _blob(part: NDArray[np.float32] | str) -> bytes:
    return part.encode() if isinstance(part, str) else np.ascontiguousarray(part, "<f4").tobytes()


def _split(blob: bytes, parts: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    start = 0
    for part in parts:
        piece = blob[start : start + part["bytes"]]
        start += part["bytes"]
        found[part["name"]] = (
            piece.decode() if part["shape"] is None else np.frombuffer(piece, "<f4").reshape(part["shape"])
        )
    return found
