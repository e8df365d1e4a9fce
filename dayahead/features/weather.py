"""Features of the weather at a place: how it departs from the days before, and what the load of a series makes of it.

Temperatures of a place and what is made from them are shared by its series. A series' own part is its thermal response:
four slopes (heating, cooling, and both of the day's mean), which one shrunken regression reads from the series' own
window. The effect of a temperature is the product of its hinges and these slopes, in units of the series' scale.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import DAY, WEEK
from dayahead.features.state import LAG_HOURS
from dayahead.horizon import DAY_LEADS, leads_before, week_lag
from dayahead.machine_code import MachineFunction, compiled

SLOPES = ("heating", "cooling", "heating_of_day_mean", "cooling_of_day_mean")
"""A series' thermal response, in shares of its scale per 10 K."""

RECENT = ("now", "0_7h", "8_15h", "16_23h", "0_167h")
"""Hours whose effect is compared with that of the target hour: the origin, and means of hours before it."""

KNOTS_C = (10.0, 15.0, 20.0, 25.0)
"""Temperatures at which the slope that all series share may change."""

_SHARED = ("", *(f"_above_{knot:.0f}" for knot in KNOTS_C))

WEATHER_FEATURES = (
    *(f"temperature{part}" for part in _SHARED),
    *(f"day_mean{part}" for part in _SHARED),
    "effect",
    "effect_day_before",
    "effect_week_before",
    *(f"effect_{part}" for part in RECENT),
)
"""Columns of `weather_features`. The first ten are the departure from the mean of the day and of the week before."""

WEATHER_TREE_FEATURES = (
    "temperature",
    "temperature_day_mean",
    "temperature_minus_day_before",
    "temperature_minus_week_before",
    "day_mean_minus_day_before",
    "day_mean_now",
)
"""Columns of `weather_tree_features`, degrees Celsius."""

RESPONSE_HOURS = LAG_HOURS - WEEK
"""Hours of the window that the response is read from: each is compared with the hour a week before."""

PRIOR_HOURS = 7 * DAY
"""Hours of usual weather that the release's slopes count as much as."""

CLIPPED_CHANGES = 3.0
"""A change of the load counts as at most so many times the mean one."""

HEATED_BELOW_C = 16.0
COOLED_ABOVE_C = 20.0
UNIT_K = 10.0
"""Temperatures count in tens of kelvin."""

LONGEST_GAP_H = 3
"""Hours without a temperature that are interpolated, in the past and ahead."""

NEWEST_HOURS = 264
"""Newest hours, of which `LEAST_MISSING_H` may be missing: what features and past effects reach back."""

MOST_MISSING_H = 24
MOST_MISSING_SHARE = 0.1
"""Of the newest hours, and of the window: with more missing there is no weather."""

COLDEST_C, HOTTEST_C = -90.0, 65.0
"""A temperature beyond these is no measurement: it counts as missing."""

_F32, _F64 = np.float32, np.float64

DESCRIBE_PLACES = MachineFunction(
    "describe_places", (int, int, int, _F32, _F64, _F64, _F32, _F32, np.bool_, _F32, _F32, _F64, _F64)
)
RESPOND = MachineFunction("respond", (int, int, _F32, np.int64, _F32, _F64, _F32, _F32))
WEATHER_TABLE = MachineFunction("weather_table", (int, int, np.int64, _F32, _F32, _F32, _F32))


@dataclass(frozen=True)
class ResponsePrior:
    """What a series' response is before its window says more.

    Attributes:
        slopes: float32 [4], the pooled slopes of the training series.
        strength: float32 [4, 4], mean of D D' an hour, where D is the change of the hinges in a week.
    """

    slopes: NDArray[np.float32]
    strength: NDArray[np.float32]


@dataclass(frozen=True)
class PlaceWeather:
    """Places at an origin each, gaps filled.

    Attributes:
        temperature: float32 [m, hours], of the hours origin - 911 on, degrees Celsius; NaN ahead of what is known.
        day_mean: float32 [m, hours], mean of the 24 hours that end with each.
        usable: bool [m], whether enough of the past is known; without it everything else is without meaning.
        recent: float32 [m, 5, 4], hinges of RECENT.
        gain: float32 [m, 4, 696], what each change of the load within a week adds to the slopes.
        start: float64 [m, 4], the slopes of a series that did not change.
        past: number of columns up to the origin.
    """

    temperature: NDArray[np.float32]
    day_mean: NDArray[np.float32]
    usable: NDArray[np.bool_]
    recent: NDArray[np.float32]
    gain: NDArray[np.float32]
    start: NDArray[np.float64]
    past: int

    def __len__(self) -> int:
        return len(self.usable)

    def of_day(self, day: int) -> NDArray[np.float32]:
        """Temperature and day mean at the target hours of a day of the horizon and at their newest known hours.

        Returns:
            float32 [m, 3, 2, 24], by hour (target, day before, week before), value and lead; NaN where a target hour or
            one of the 23 hours before it is not known.
        """
        first = self.past + leads_before(day)
        made = np.full((len(self), 3, 2, DAY_LEADS), np.nan, np.float32)
        known = min(self.temperature.shape[1] - first, DAY_LEADS)
        starts = (first, self.past - DAY, self.past - week_lag(day))
        for place, start in enumerate(starts):
            count = known if place == 0 else DAY_LEADS
            if count > 0:
                made[:, place, 0, :count] = self.temperature[:, start : start + count]
                made[:, place, 1, :count] = self.day_mean[:, start : start + count]
        made[~(self.usable[:, None] & np.isfinite(made[:, 0, 1]))[:, None, None, :].repeat(3, 1).repeat(2, 2)] = np.nan
        return made


def describe_places(temperature: NDArray[np.float32], past: int, prior: ResponsePrior) -> PlaceWeather:
    """Fill the gaps of the places' temperatures, and prepare the responses; each row depends on itself alone.

    A gap of up to 3 hours is interpolated. A longer one is filled from the same hour of the day before, up to the
    origin only. With more than 24 of the newest 264 hours or a tenth of all past hours missing there is no weather.

    Args:
        temperature: float32 [m, hours], degrees Celsius, NaN where nothing is known.
        past: columns up to the origin, which is the last of them.
        prior: of the release.
    """
    count, hours = temperature.shape
    made = PlaceWeather(
        np.empty((count, hours), np.float32),
        np.empty((count, hours), np.float32),
        np.empty(count, np.bool_),
        np.empty((count, len(RECENT), len(SLOPES)), np.float32),
        np.empty((count, len(SLOPES), RESPONSE_HOURS), np.float32),
        np.empty((count, len(SLOPES))),
        past,
    )
    room = np.empty((2, len(SLOPES), len(SLOPES)))
    DESCRIBE_PLACES(
        count,
        hours,
        past,
        np.ascontiguousarray(temperature, np.float32),
        np.ascontiguousarray(prior.slopes, np.float64),
        np.ascontiguousarray(prior.strength, np.float64),
        made.temperature,
        made.day_mean,
        made.usable,
        made.recent,
        made.gain,
        made.start,
        room,
    )
    return made


def responses(z: NDArray[np.float32], place: NDArray[np.int64], weather: PlaceWeather) -> NDArray[np.float32]:
    """Thermal responses of series; float32 [n, 4], in the order of SLOPES.

    Args:
        z: float32 [n, 864], scaled values.
        place: int64 [n], row of `weather`.
        weather: of the places.
    """
    slopes = np.empty((len(z), len(SLOPES)), np.float32)
    RESPOND(
        len(z),
        len(weather),
        np.ascontiguousarray(z),
        np.ascontiguousarray(place),
        weather.gain,
        weather.start,
        np.empty(RESPONSE_HOURS // 2, np.float32),
        slopes,
    )
    return slopes


def weather_features(
    targets: NDArray[np.float32],
    recent: NDArray[np.float32],
    place: NDArray[np.int64],
    slopes: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Features of a day of the horizon; linear in the slopes but for the shared ones, which do not ask for them.

    Args:
        targets: float32 [m, 3, 2, 24], of `PlaceWeather.of_day`.
        recent: float32 [m, 5, 4].
        place: int64 [n], row of `targets` and `recent`.
        slopes: float32 [n, 4].

    Returns:
        float32 [n, 24, 18], in the order of WEATHER_FEATURES; 0 where the target hour is not known.
    """
    table = np.empty((len(place), DAY_LEADS, len(WEATHER_FEATURES)), np.float32)
    WEATHER_TABLE(
        len(place),
        len(targets),
        np.ascontiguousarray(place),
        np.ascontiguousarray(targets),
        np.ascontiguousarray(recent),
        np.ascontiguousarray(slopes),
        table,
    )
    return table


def weather_tree_features(targets: NDArray[np.float32], day_mean_now: NDArray[np.float32]) -> NDArray[np.float32]:
    """Columns of the trees; float32 [6, m, 24], in the order of WEATHER_TREE_FEATURES.

    Args:
        targets: float32 [m, 3, 2, 24], of `PlaceWeather.of_day`.
        day_mean_now: float32 [m], mean of the 24 hours up to the origin.
    """
    value, mean = targets[:, :, 0], targets[:, :, 1]
    return np.stack(
        [
            value[:, 0],
            mean[:, 0],
            value[:, 0] - value[:, 1],
            value[:, 0] - value[:, 2],
            mean[:, 0] - mean[:, 1],
            np.broadcast_to(day_mean_now[:, None], mean[:, 0].shape),
        ]
    )


def hinges(temperature: NDArray[np.floating], day_mean: NDArray[np.floating]) -> NDArray[np.float64]:
    """What the slopes are multiplied with, in tens of kelvin; [..., 4]."""
    parts = [
        np.maximum(HEATED_BELOW_C - temperature, 0),
        np.maximum(temperature - COOLED_ABOVE_C, 0),
        np.maximum(HEATED_BELOW_C - day_mean, 0),
        np.maximum(day_mean - COOLED_ABOVE_C, 0),
    ]
    return np.stack(parts, axis=-1).astype(np.float64) / UNIT_K


def response_changes(
    z: NDArray[np.float32], weather: PlaceWeather, place: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the pooled slopes are fitted on: changes of the load within a week, clipped, and those of the hinges.

    Returns:
        float64 [n, 696] and [n, 696, 4].
    """
    change = (z[:, WEEK:] - z[:, :-WEEK]).astype(np.float64)
    limit = CLIPPED_CHANGES * np.abs(change).mean(axis=1, keepdims=True)
    window = slice(weather.past - LAG_HOURS, weather.past)
    at = hinges(weather.temperature[place, window], weather.day_mean[place, window])
    return np.clip(change, -limit, limit), at[:, WEEK:] - at[:, :-WEEK]


@compiled
def describe_place(
    past: int,
    given: NDArray[np.float32],
    prior_slopes: NDArray[np.float64],
    prior_strength: NDArray[np.float64],
    temperature: NDArray[np.float32],
    day_mean: NDArray[np.float32],
    recent: NDArray[np.float32],
    gain: NDArray[np.float32],
    start: NDArray[np.float64],
    room: NDArray[np.float64],
) -> bool:
    """Describe one place, as of `describe_places`; whether enough of its past is known.

    Args:
        past: columns up to the origin.
        given: float32 [hours], degrees Celsius, NaN where nothing is known.
        prior_slopes: float64 [4].
        prior_strength: float64 [4, 4].
        temperature: float32 [hours], written, as are the rest.
        day_mean: float32 [hours].
        recent: float32 [5, 4].
        gain: float32 [4, 696].
        start: float64 [4].
        room: float64 [2, 4, 4], to work in.
    """
    for hour in range(len(given)):
        plausible = given[hour] >= COLDEST_C and given[hour] <= HOTTEST_C
        temperature[hour] = given[hour] if plausible else np.nan
    _interpolate(temperature)
    usable = _fill_past(temperature, past)
    if not usable:
        temperature[:] = np.nan
        day_mean[:] = np.nan
        recent[:] = 0.0
        gain[:] = 0.0
        for slope in range(4):
            start[slope] = prior_slopes[slope]
        return False
    _day_means(temperature, day_mean)
    now = past - 1
    _mean_hinges(temperature, day_mean, now, past, recent[0])
    for part in range(3):
        end = past - 8 * part
        _mean_hinges(temperature, day_mean, end - 8, end, recent[1 + part])
    _mean_hinges(temperature, day_mean, past - WEEK, past, recent[4])
    first = past - RESPONSE_HOURS
    for row in range(RESPONSE_HOURS):
        hour, before = first + row, first + row - WEEK
        for slope in range(4):
            gain[slope, row] = _hinge(temperature[hour], day_mean[hour], slope) - _hinge(
                temperature[before], day_mean[before], slope
            )
    normal, inverse = room[0], room[1]
    _squares(gain, normal)
    for one in range(4):
        for other in range(4):
            inverse[one, other] = normal[one, other] + PRIOR_HOURS * prior_strength[one, other]
    _invert(inverse)
    for one in range(4):
        pulled = 0.0
        for other in range(4):
            for third in range(4):
                pulled += inverse[one, other] * normal[other, third] * prior_slopes[third]
        start[one] = prior_slopes[one] - pulled
    for row in range(RESPONSE_HOURS):
        first_part = gain[0, row] * inverse[0, 0] + gain[1, row] * inverse[1, 0]
        second_part = gain[0, row] * inverse[0, 1] + gain[1, row] * inverse[1, 1]
        third_part = gain[0, row] * inverse[0, 2] + gain[1, row] * inverse[1, 2]
        fourth_part = gain[0, row] * inverse[0, 3] + gain[1, row] * inverse[1, 3]
        first_part += gain[2, row] * inverse[2, 0] + gain[3, row] * inverse[3, 0]
        second_part += gain[2, row] * inverse[2, 1] + gain[3, row] * inverse[3, 1]
        third_part += gain[2, row] * inverse[2, 2] + gain[3, row] * inverse[3, 2]
        fourth_part += gain[2, row] * inverse[2, 3] + gain[3, row] * inverse[3, 3]
        gain[0, row], gain[1, row], gain[2, row], gain[3, row] = first_part, second_part, third_part, fourth_part
    return True


@compiled
def respond(
    z: NDArray[np.float32],
    gain: NDArray[np.float32],
    start: NDArray[np.float64],
    room: NDArray[np.float32],
    slopes: NDArray[np.float32],
) -> None:
    """Response of one series, as of `responses`.

    Args:
        z: float32 [864].
        gain: float32 [4, 696], of its place.
        start: float64 [4].
        room: float32 [348], to work in.
        slopes: float32 [4], written.
    """
    limit = np.float32(CLIPPED_CHANGES * _sum_of_changes(z, room) / RESPONSE_HOURS)
    # Each hour of the day has sums of its own: the processor adds many of them in one instruction.
    first, second, third, fourth = room[:DAY], room[DAY : 2 * DAY], room[2 * DAY : 3 * DAY], room[3 * DAY : 4 * DAY]
    room[: 4 * DAY] = np.float32(0)
    for begin in range(0, RESPONSE_HOURS, DAY):
        for hour in range(DAY):
            row = begin + hour
            change = min(max(z[row + WEEK] - z[row], -limit), limit)
            first[hour] += change * gain[0, row]
            second[hour] += change * gain[1, row]
            third[hour] += change * gain[2, row]
            fourth[hour] += change * gain[3, row]
    one, two, three, four = start[0], start[1], start[2], start[3]
    for hour in range(DAY):
        one += first[hour]
        two += second[hour]
        three += third[hour]
        four += fourth[hour]
    slopes[0], slopes[1], slopes[2], slopes[3] = one, two, three, four


@compiled
def _sum_of_changes(z: NDArray[np.float32], room: NDArray[np.float32]) -> float:
    """Sum of the |changes within a week|: half of them are added to the other half until few are left."""
    half = RESPONSE_HOURS // 2
    for hour in range(half):
        room[hour] = abs(z[hour + WEEK] - z[hour]) + abs(z[hour + half + WEEK] - z[hour + half])
    for hour in range(half // 2):
        room[hour] += room[hour + half // 2]
    for hour in range(half // 4):
        room[hour] += room[hour + half // 4]
    total = 0.0
    for hour in range(half // 4):
        total += float(room[hour])
    return total


@compiled
def describe_weather(
    targets: NDArray[np.float32], recent: NDArray[np.float32], slopes: NDArray[np.float32], table: NDArray[np.float32]
) -> None:
    """Features of one series for the leads of a day, as of `weather_features`.

    Args:
        targets: float32 [3, 2, 24].
        recent: float32 [5, 4].
        slopes: float32 [4].
        table: float32 [24, 18], written.
    """
    for lead in range(DAY_LEADS):
        row = table[lead]
        if np.isnan(targets[0, 1, lead]):
            row[:] = 0.0
            continue
        for kind in range(2):
            for part in range(5):
                now = _shared_part(targets[0, kind, lead], part)
                day_before = _shared_part(targets[1, kind, lead], part)
                week_before = _shared_part(targets[2, kind, lead], part)
                row[5 * kind + part] = now - (day_before + week_before) / 2
        for place in range(3):
            effect = 0.0
            for slope in range(4):
                effect += float(slopes[slope]) * _hinge(targets[place, 0, lead], targets[place, 1, lead], slope)
            row[10 + place] = effect
        for place in range(5):
            effect = 0.0
            for slope in range(4):
                effect += float(slopes[slope] * recent[place, slope])
            row[13 + place] = effect


@compiled
def _shared_part(temperature: float, part: int) -> float:
    value = float(temperature)
    if part == 0:
        return value / UNIT_K
    return max(value - (5.0 + 5.0 * part), 0.0) / UNIT_K


@compiled
def _hinge(temperature: float, day_mean: float, slope: int) -> float:
    value = float(temperature if slope < 2 else day_mean)
    if slope % 2 == 0:
        return max(HEATED_BELOW_C - value, 0.0) / UNIT_K
    return max(value - COOLED_ABOVE_C, 0.0) / UNIT_K


@compiled
def _interpolate(temperature: NDArray[np.float32]) -> None:
    """Draw a line through the gaps of up to LONGEST_GAP_H hours."""
    last = -1
    for hour in range(len(temperature)):
        if np.isnan(temperature[hour]):
            continue
        gap = hour - last - 1
        if last >= 0 and gap > 0 and gap <= LONGEST_GAP_H:
            before, after = float(temperature[last]), float(temperature[hour])
            for step in range(1, gap + 1):
                temperature[last + step] = before + (after - before) * step / (gap + 1)
        last = hour


@compiled
def _fill_past(temperature: NDArray[np.float32], past: int) -> bool:
    """Fill the longer gaps before the origin from the day before; whether few enough hours are missing."""
    missing, newest_missing = 0, 0
    for hour in range(past):
        if np.isnan(temperature[hour]):
            missing += 1
            newest_missing += hour >= past - NEWEST_HOURS
    if newest_missing > MOST_MISSING_H or missing > MOST_MISSING_SHARE * past:
        return False
    for hour in range(DAY, past):
        if np.isnan(temperature[hour]):
            temperature[hour] = temperature[hour - DAY]
    for hour in range(past - DAY - 1, -1, -1):  # the first hours have no day before
        if np.isnan(temperature[hour]):
            temperature[hour] = temperature[hour + DAY]
    return True


@compiled
def _day_means(temperature: NDArray[np.float32], day_mean: NDArray[np.float32]) -> None:
    """Mean of the 24 hours that end with each; of fewer at the window's start, where nothing asks for it."""
    for hour in range(len(temperature)):
        first = max(hour - DAY + 1, 0)
        total = 0.0
        for other in range(first, hour + 1):
            total += float(temperature[other])
        day_mean[hour] = total / (hour + 1 - first)


@compiled
def _mean_hinges(
    temperature: NDArray[np.float32], day_mean: NDArray[np.float32], begin: int, end: int, row: NDArray[np.float32]
) -> None:
    for slope in range(4):
        total = 0.0
        for hour in range(begin, end):
            total += _hinge(temperature[hour], day_mean[hour], slope)
        row[slope] = total / (end - begin)


@compiled
def _squares(rows: NDArray[np.float32], normal: NDArray[np.float64]) -> None:
    """Sum of the products of each two columns."""
    for one in range(4):
        for other in range(one + 1):
            total = 0.0
            for hour in range(rows.shape[1]):
                total += float(rows[one, hour]) * float(rows[other, hour])
            normal[one, other] = total
            normal[other, one] = total


@compiled
def _invert(matrix: NDArray[np.float64]) -> None:
    """Invert a positive definite matrix in place (Gauss and Jordan; no pivot is needed)."""
    size = len(matrix)
    for pivot in range(size):
        factor = 1.0 / matrix[pivot, pivot]
        matrix[pivot, pivot] = 1.0
        for column in range(size):
            matrix[pivot, column] *= factor
        for row in range(size):
            if row != pivot:
                share = matrix[row, pivot]
                matrix[row, pivot] = 0.0
                for column in range(size):
                    matrix[row, column] -= share * matrix[pivot, column]
