"""Features of the linear member: lags, weekly means, and the calendar of the origin."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import LEADS
from dayahead.features.calendar import Calendar
from dayahead.features.fill import DAY, WEEK
from dayahead.features.state import LAG_HOURS

HOLIDAY_OFFSETS_H = (1, 12, 24, 0, -12, -144, -156)
"""Hours relative to the origin at which the linear member asks for a holiday."""

HARMONICS = 4
"""Sine and cosine of one and of two turns a year."""


@dataclass(frozen=True)
class OriginContext:
    """Calendar of n origins as the linear member sees it.

    Attributes:
        hour: int64 [n], local hour of the day.
        weekday: float32 [n, 7], one-hot, Monday first.
        holiday: float32 [n, 7], 1 where HOLIDAY_OFFSETS_H is a holiday.
        harmonics: float32 [n, 4], season as sine and cosine of one and two turns a year.
    """

    hour: NDArray[np.int64]
    weekday: NDArray[np.float32]
    holiday: NDArray[np.float32]
    harmonics: NDArray[np.float32]

    def take(self, rows: NDArray[np.int64]) -> "OriginContext":
        """The context of some of the origins, in another order or repeated."""
        return OriginContext(self.hour[rows], self.weekday[rows], self.holiday[rows], self.harmonics[rows])


def origin_context(calendar: Calendar, origins: NDArray[np.int64]) -> OriginContext:
    """Calendar of origins (int64 [n] hours)."""
    fields = calendar.at(origins)
    angle = 2 * np.pi * fields.season
    return OriginContext(
        hour=fields.hour.astype(np.int64),
        weekday=(fields.weekday[:, None] == np.arange(7)).astype(np.float32),
        holiday=calendar.at(origins[:, None] + np.array(HOLIDAY_OFFSETS_H)).holiday.astype(np.float32),
        harmonics=np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)], axis=1).astype(
            np.float32
        ),
    )


def linear_features(z: NDArray[np.float32], context: OriginContext, *, annual: bool) -> NDArray[np.float32]:
    """Features of n origins; affine in z, which LinearMember relies on.

    Args:
        z: float32 [n, 864], scaled values, the last column the origin.
        context: calendar of the n origins.
        annual: whether the season is among the features (it needs more than a year of history to learn from).

    Returns:
        float32 [n, 242], or [n, 274] with the season, in the order of `linear_feature_names`.
    """
    means = _day_means(z)
    weekday = context.weekday
    parts = [
        z[:, LAG_HOURS - WEEK :],
        weekly_mean(z),
        weekday * np.float32(0.5),
        (weekday[:, :, None] * means[:, None, :]).reshape(len(z), -1),
        context.holiday * np.float32(0.3),
        np.ones((len(z), 1), np.float32),
    ]
    if annual:
        levels = np.concatenate([means[:, [0, 2, 3, 4]], z[:, :-4:-1]], axis=1)
        parts.append(context.harmonics * np.float32(0.2))
        parts.append((context.harmonics[:, :, None] * levels[:, None, :]).reshape(len(z), -1))
    return np.concatenate(parts, axis=1)


def linear_feature_names(*, annual: bool) -> list[str]:
    """Names of the columns of `linear_features`."""
    means = ("mean_24h", "mean_144_167h", "mean_16_23h", "mean_8_15h", "mean_0_7h")
    names = [f"z_{lag}" for lag in range(WEEK - 1, -1, -1)]
    names += [f"weekly_mean_lead_{lead}" for lead in range(1, LEADS + 1)]
    names += [f"weekday_{day}" for day in range(7)]
    names += [f"weekday_{day}_x_{mean}" for day in range(7) for mean in means]
    names += [f"holiday_{offset:+d}h" for offset in HOLIDAY_OFFSETS_H]
    names.append("intercept")
    if annual:
        turns = ("sin_1", "cos_1", "sin_2", "cos_2")
        levels = (means[0], *means[2:], "z_0", "z_1", "z_2")
        names += [f"season_{turn}" for turn in turns]
        names += [f"season_{turn}_x_{level}" for turn in turns for level in levels]
    return names


def weekly_mean(z: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the target hour's values two, three and four weeks before it; [n, 24] by lead."""
    two, three, four = (z[:, LAG_HOURS - k * WEEK : LAG_HOURS - k * WEEK + LEADS] for k in (2, 3, 4))
    return (two + three + four) / np.float32(3)


def anchor(z: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the target hour's values a day and a week before it: what the members correct; [n, 24] by lead."""
    day_before = z[:, LAG_HOURS - DAY :]
    week_before = z[:, LAG_HOURS - WEEK : LAG_HOURS - WEEK + LEADS]
    return (day_before + week_before) / np.float32(2)


def _day_means(z: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of the last 24 h, of hours 144 to 167 back, and of the last day's three parts of 8 h; [n, 5]."""
    last = z[:, -DAY:]
    week_before = z[:, LAG_HOURS - WEEK : LAG_HOURS - WEEK + DAY]
    thirds = [last[:, part : part + 8].mean(axis=1) for part in (0, 8, 16)]
    return np.stack([last.mean(axis=1), week_before.mean(axis=1), *thirds], axis=1)
