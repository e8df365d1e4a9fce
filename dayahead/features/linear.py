"""Features of the linear member: lags, weekly means, and the calendar of the origin."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.features.fill import DAY, WEEK
from dayahead.features.state import LAG_HOURS
from dayahead.horizon import DAY_LEADS, leads_before, week_lag

WEEKLY_DAYS = 2
"""Days of the horizon whose member knows each hour of the last week, the weekday, and the season of the levels. Later
days are as good without them (docs/research-log.md)."""

HARMONICS = 4
"""Sine and cosine of one and of two turns a year."""


@dataclass(frozen=True)
class OriginContext:
    """Calendar of n origins as the linear member sees it.

    Attributes:
        hour: int64 [n], local hour of the day.
        weekday: float32 [n, 7], one-hot, Monday first.
        holiday: float32 [n, 7], 1 where an hour of `holiday_offsets_h` is a holiday.
        harmonics: float32 [n, 4], season as sine and cosine of one and two turns a year.
    """

    hour: NDArray[np.int64]
    weekday: NDArray[np.float32]
    holiday: NDArray[np.float32]
    harmonics: NDArray[np.float32]

    def take(self, rows: NDArray[np.int64]) -> "OriginContext":
        """The context of some of the origins, in another order or repeated."""
        return OriginContext(self.hour[rows], self.weekday[rows], self.holiday[rows], self.harmonics[rows])


def holiday_offsets_h(day: int) -> tuple[int, ...]:
    """Hours relative to the origin at which the member of a day of the horizon asks for a holiday.

    The start, the middle and the end of its target day, those of its newest known week before, and the origin.
    """
    ahead, back = leads_before(day), week_lag(day)
    return (ahead + 1, ahead + 12, ahead + DAY_LEADS, 0, -12, DAY_LEADS - back, 12 - back)


def origin_context(calendar: Calendar, origins: NDArray[np.int64], day: int = 1) -> OriginContext:
    """Calendar of origins (int64 [n] hours) as the member of a day of the horizon sees it."""
    fields = calendar.at(origins)
    angle = 2 * np.pi * fields.season
    return OriginContext(
        hour=fields.hour.astype(np.int64),
        weekday=(fields.weekday[:, None] == np.arange(7)).astype(np.float32),
        holiday=calendar.at(origins[:, None] + np.array(holiday_offsets_h(day))).holiday.astype(np.float32),
        harmonics=np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)], axis=1).astype(
            np.float32
        ),
    )


def linear_features(
    z: NDArray[np.float32], context: OriginContext, *, annual: bool, day: int = 1
) -> NDArray[np.float32]:
    """Features of n origins for the member of a day of the horizon; affine in z, which LinearDay relies on.

    Args:
        z: float32 [n, 864], scaled values, the last column the origin.
        context: calendar of the n origins, for the same day.
        annual: whether the season is among the features (it needs more than a year of history to learn from).
        day: of the horizon.

    Returns:
        float32 [n, 242], or [n, 274] with the season; from day 3 on [n, 93] or [n, 97]; in the order of
        `linear_feature_names`.
    """
    if day > WEEKLY_DAYS:
        return _far_features(z, context, annual=annual, day=day)
    means = _day_means(z)
    weekday = context.weekday
    parts = [
        z[:, LAG_HOURS - WEEK :],
        weekly_mean(z, day),
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


def _far_features(z: NDArray[np.float32], context: OriginContext, *, annual: bool, day: int) -> NDArray[np.float32]:
    """Levels of the last week, the target hours' own past, holidays and season: far days live on these."""
    week = z[:, LAG_HOURS - WEEK :].reshape(len(z), WEEK // DAY, DAY)
    parts = [
        week.mean(axis=2)[:, ::-1],
        np.stack(_thirds(z), axis=1),
        z[:, :-4:-1],
        *_anchors(z, day),
        weekly_mean(z, day),
        context.holiday * np.float32(0.3),
        np.ones((len(z), 1), np.float32),
    ]
    if annual:
        parts.append(context.harmonics * np.float32(0.2))
    return np.concatenate(parts, axis=1)


def linear_feature_names(*, annual: bool, day: int = 1) -> list[str]:
    """Names of the columns of `linear_features`."""
    turns = ("sin_1", "cos_1", "sin_2", "cos_2")
    leads = range(leads_before(day) + 1, leads_before(day) + DAY_LEADS + 1)
    thirds = ("mean_16_23h", "mean_8_15h", "mean_0_7h")
    weekly = [f"weekly_mean_lead_{lead}" for lead in leads]
    holiday_names = [f"holiday_{offset:+d}h" for offset in holiday_offsets_h(day)]
    if day > WEEKLY_DAYS:
        names = [f"mean_{DAY * back}_{DAY * back + DAY - 1}h" for back in range(WEEK // DAY)]
        names += [*thirds, "z_0", "z_1", "z_2"]
        names += [f"{lag}_lead_{lead}" for lag in ("day_before", "week_before") for lead in leads]
        names += [*weekly, *holiday_names, "intercept"]
        return names + [f"season_{turn}" for turn in turns] if annual else names
    means = ("mean_24h", "mean_144_167h", *thirds)
    names = [f"z_{lag}" for lag in range(WEEK - 1, -1, -1)]
    names += weekly
    names += [f"weekday_{weekday}" for weekday in range(7)]
    names += [f"weekday_{weekday}_x_{mean}" for weekday in range(7) for mean in means]
    names += holiday_names
    names.append("intercept")
    if annual:
        levels = (means[0], *means[2:], "z_0", "z_1", "z_2")
        names += [f"season_{turn}" for turn in turns]
        names += [f"season_{turn}_x_{level}" for turn in turns for level in levels]
    return names


def weekly_mean(z: NDArray[np.float32], day: int = 1) -> NDArray[np.float32]:
    """Mean of the target hours' values in the three weeks before the newest known one; [n, 24] by lead of the day."""
    first, second, third = (_lagged(z, week_lag(day) + weeks * WEEK) for weeks in (1, 2, 3))
    return (first + second + third) / np.float32(3)


def anchor(z: NDArray[np.float32], day: int = 1) -> NDArray[np.float32]:
    """Mean of the target hours' newest known values of the same hour of the day and of the week: what is corrected.

    Returns:
        [n, 24], by lead of the day.
    """
    day_before, week_before = _anchors(z, day)
    return (day_before + week_before) / np.float32(2)


def _anchors(z: NDArray[np.float32], day: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return _lagged(z, DAY), _lagged(z, week_lag(day))


def _lagged(z: NDArray[np.float32], lag: int) -> NDArray[np.float32]:
    return z[:, LAG_HOURS - lag : LAG_HOURS - lag + DAY_LEADS]


def _day_means(z: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of the last 24 h, of hours 144 to 167 back, and of the last day's three parts of 8 h; [n, 5]."""
    last = z[:, -DAY:]
    week_before = z[:, LAG_HOURS - WEEK : LAG_HOURS - WEEK + DAY]
    return np.stack([last.mean(axis=1), week_before.mean(axis=1), *_thirds(z)], axis=1)


def _thirds(z: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    last = z[:, -DAY:]
    return [last[:, part : part + 8].mean(axis=1) for part in (0, 8, 16)]
