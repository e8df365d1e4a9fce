"""Totals of a source: the sums of its series by area and over all of them, as series of a source of their own.

A sum of quantiles is no quantile, so that the forecast of a total cannot be added up from those of its parts: the hours
are summed, and the total is forecast like any other series.

An hour is summed once no series lacks it. A series lacks an hour if it has none, but an earlier and a later one, and
the run of hours without a value is no longer than `stale_after_h` of its source; the hour after the newest of the
source counts as a later one, since a series that is only late may still bring it. A longer run is silence: the hours in
it are summed without the series, as are those before its first one. This depends on nothing but the hours that are
known, so that it does not matter in which order they came.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dayahead.record_format import RecordFormat
from dayahead.series import series_id_of
from dayahead.source import TOTALS_SUFFIX, Source

TOTALS_LABEL = "Totals"
"""Label with the name of the source of totals: no area of another source is called that, so that it is an area."""
OF_LABEL = "Of"
WHOLE = "total"
AREA_PREFIX = "area-"
"""Before the name of an area, so that none can be mistaken for the whole."""

NOT_OF_TOTALS = (
    "name kind title key_columns value_column value_columns value_label constant_labels filters label_values "
    "label_patterns minimum maximum page_h history_h revision_window_h totals totals_of"
)
READING = RecordFormat.model_fields.keys() | NOT_OF_TOTALS.split()
"""Fields that say how a source is read and which values it may have; totals take all others."""


def totals_name(name: str) -> str:
    """Name of the source of the totals of a source."""
    return name + TOTALS_SUFFIX


def totals_source(source: Source) -> Source:
    """The source of the totals of a source: same unit, calendar, horizon, clock and publication.

    Args:
        source: with `totals`.
    """
    name = totals_name(source.name)
    carried = {
        field: getattr(source, field) for field in source.model_fields_set & Source.model_fields.keys() - READING
    }
    return Source.model_validate(
        carried
        | {
            "name": name,
            "kind": "push",
            "title": f"Totals of {source.title}",
            "time_column": "valid_time",
            "value_column": "value",
            "key_columns": [TOTALS_LABEL, OF_LABEL],
            "constant_labels": {TOTALS_LABEL: name},
            "totals_of": source.name,
        }
    )


def has_areas(source: Source) -> bool:
    """Whether a source has totals by area: not where each series is an area."""
    return len(source.label_names) > 1


def total_label(area: str | None) -> str:
    """Second label of a total; None for the whole source."""
    return WHOLE if area is None else AREA_PREFIX + area


def total_id(source: Source, area: str | None) -> str:
    """The series_id of a total.

    Args:
        source: whose series are summed.
        area: whose series; None for the whole source.

    Raises:
        ContractError: the id would be longer than a series_id may be.
    """
    return series_id_of([totals_name(source.name), total_label(area)])


def reach_h(source: Source) -> int:
    """Longest run of hours without a value that holds up the totals of its hours."""
    return max(1, int(source.stale_after_h))


def lacking(present: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Find the hours that series lack: no value, and the run of such hours is between two values and not too long.

    Args:
        present: bool [n, hours], True where a series has a value, and in the hours after the newest of the source.
        reach: longest run that counts. The first and last `reach` hours are context: the result is not valid there.

    Returns:
        bool [n, hours].
    """
    hours = np.arange(present.shape[1])
    far = present.shape[1] + reach + 1
    before = np.maximum.accumulate(np.where(present, hours, -far), axis=1)
    after = np.minimum.accumulate(np.where(present, hours, far)[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(~present & (after - before - 1 <= reach))


def missing_reason(missing: int, examples: Sequence[str], *, published: bool) -> str:
    """Say in a sentence why an hour has no total; empty where nothing is missing.

    Args:
        missing: number of series that lack the hour.
        examples: ids of the first few.
        published: whether there is a total of the hour, from before.
    """
    if not missing:
        return ""
    more = f" and {missing - len(examples)} more" if missing > len(examples) else ""
    named = f"{', '.join(examples)}{more}"
    if published:
        return f"the total was made without {named}, silent for long at that time"
    return f"no total yet: {missing} series {'lacks' if missing == 1 else 'lack'} the hour: {named}"


def runs_of(hours: NDArray[np.int64], reach: int, longest: int) -> list[tuple[int, int]]:
    """Group hours, with `reach` hours before and after each, into ranges without gaps.

    Args:
        hours: int64 [n], in any order.
        reach: hours around each.
        longest: hours of a range.

    Returns:
        First and last hour of each range, in their order.
    """
    found: list[tuple[int, int]] = []
    for hour in np.unique(hours).tolist():
        if found and hour - reach <= found[-1][1] + 1:
            found[-1] = (found[-1][0], hour + reach)
        else:
            found.append((hour - reach, hour + reach))
    return [
        (start, min(start + longest - 1, last)) for first, last in found for start in range(first, last + 1, longest)
    ]
