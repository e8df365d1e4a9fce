"""Whether two releases are the same, part by part in the order of a fit: the first part that differs says where."""

from typing import Any

import numpy as np

from dayahead.models.serving.release import Release


def differing_parts(one: Release, other: Release) -> list[str]:
    """Parts of day 1 that are not the same to the last bit, each with what differs."""
    return [f"{name}: {found}" for name in PARTS if (found := _difference(getattr(one, name), getattr(other, name)))]


PARTS = (
    "trained_from",
    "trained_until",
    "data_fingerprint",
    "coefficients",
    "optimism",
    "correction",
    "metrics",
    "spread",
    "band_multipliers",
    "quantile_shape",
)


def _difference(one: Any, other: Any) -> str:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.shape != other.shape:
            return f"{one.shape} and {other.shape}"
        apart = one != other
        return f"{apart.sum()} of {one.size}, by up to {np.abs(one - other).max()}" if apart.any() else ""
    if isinstance(one, str) and one != other:
        lines = [pair for pair in zip(one.splitlines(), str(other).splitlines(), strict=False) if pair[0] != pair[1]]
        return f"{len(lines)} lines, the first {lines[:1]}"
    if isinstance(one, dict):
        return ", ".join(f"{key} {one[key]} and {other.get(key)}" for key in one if one[key] != other.get(key))
    return "" if one == other else f"{one} and {other}"
