"""A release: an immutable, content-addressed model that a worker needs nothing else for.

Layout of the bytes: a magic line, the length of the manifest, the manifest (JSON with sorted keys), then the arrays
and texts that it lists, one after the other. The id is the hash of exactly these bytes.
"""

import hashlib
import zlib
from dataclasses import dataclass, field, fields
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
from dayahead.models.settings import ModelSettings

MAGIC = b"dayahead-release-1\n"
_ARRAYS = ("coefficients", "band_multipliers")
_TEXTS = ("correction", "spread")


@dataclass(frozen=True)
class FeatureSpec:
    """What the features of a release are, so that another version of the code refuses it instead of misreading it.

    Attributes:
        annual: whether the season is among the linear features.
        screened: whether implausible values are set aside.
        linear: names of the linear features, in order.
        trees: names of the tree features, in order.
    """

    annual: bool
    screened: bool
    linear: tuple[str, ...]
    trees: tuple[str, ...]

    @classmethod
    def of(cls, *, annual: bool, screened: bool) -> "FeatureSpec":
        """The specification of this version of the code."""
        return cls(annual, screened, tuple(linear_feature_names(annual=annual)), TREE_FEATURES)


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
            spec = manifest["feature_spec"]
            release = cls(
                settings=settings,
                seed=manifest["seed"],
                feature_spec=FeatureSpec(spec["annual"], spec["screened"], tuple(spec["linear"]), tuple(spec["trees"])),
                trained_from=manifest["trained_from"],
                trained_until=manifest["trained_until"],
                data_fingerprint=manifest["data_fingerprint"],
                optimism=manifest["optimism"],
                metrics=manifest["metrics"],
                **parts,
            )
        except (zlib.error, orjson.JSONDecodeError, KeyError, ValueError, TypeError, ValidationError) as error:
            raise ReleaseError(f"a release is damaged or of another version ({error}): train a new one") from error
        expected = FeatureSpec.of(annual=release.feature_spec.annual, screened=release.feature_spec.screened)
        if release.feature_spec != expected:
            raise ReleaseError(
                f"release {release.release_id} has features that this version of Dayahead does not compute: "
                "run the version that trained it, or train a new one"
            )
        return release

    @cached_property
    def _content(self) -> bytes:
        blobs = [np.ascontiguousarray(getattr(self, name), "<f4").tobytes() for name in _ARRAYS]
        blobs += [getattr(self, name).encode() for name in _TEXTS]
        parts = [
            {"name": name, "bytes": len(blob), "shape": list(getattr(self, name).shape) if name in _ARRAYS else None}
            for name, blob in zip((*_ARRAYS, *_TEXTS), blobs, strict=True)
        ]
        manifest = orjson.dumps(
            {
                "settings": self.settings.model_dump(mode="json"),
                "seed": self.seed,
                "feature_spec": {item.name: getattr(self.feature_spec, item.name) for item in fields(FeatureSpec)},
                "trained_from": self.trained_from,
                "trained_until": self.trained_until,
                "data_fingerprint": self.data_fingerprint,
                "optimism": self.optimism,
                "metrics": self.metrics,
                "parts": parts,
            },
            option=orjson.OPT_SORT_KEYS,
        )
        return len(manifest).to_bytes(8, "big") + manifest + b"".join(blobs)


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
