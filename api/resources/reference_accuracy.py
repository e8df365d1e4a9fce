"""How good reference forecasts were, in comparison with ours on the same hours: a part of `/v1/accuracy`."""

from collections.abc import Iterable

from pydantic import BaseModel, Field

from dayahead.storage.tables.reference_score import ReferenceSums

DECIMALS = 6
"""Decimals of percentages."""

SAME_PERCENT = 0.5
"""Smaller differences are not significant."""


class ComparedErrors(BaseModel):
    """Errors on the hours of which both forecasts were known at the same moment."""

    hours: int = Field(description="Hours compared: forecast by both when ours was issued, and observed")
    wape_percent: float | None = Field(description="WAPE of the reference on these hours")
    dayahead_wape_percent: float | None = Field(description="WAPE of Dayahead on exactly these hours")


class LeadErrors(ComparedErrors):
    """The same for a range of leads."""

    first_lead: int = Field(description="First lead of the range, in hours after the origin")
    last_lead: int = Field(description="Last lead of the range")


class ReferenceAccuracy(ComparedErrors):
    """A reference forecast, such as that of the grid operator, in comparison with ours."""

    source: str = Field(description="Name of the reference source (`forecast_of` in its file)")
    title: str = Field(description="Who forecasts what")
    unit: str = Field(description="Unit of the series")
    series: int = Field(description="Series that were compared")
    forecasts: int = Field(description="Forecasts of ours with an hour that was compared. With `gate` days")
    leads: list[LeadErrors] = Field(description="By range of leads; empty with `gate`")
    verdict: str = Field(description="The comparison as a sentence")


def references_of(sums: Iterable[ReferenceSums]) -> list[ReferenceAccuracy]:
    """The references of some sums, which name each reference first as a whole and then by leads."""
    found: dict[str, ReferenceAccuracy] = {}
    for one in sums:
        theirs, ours = _percent(one.reference_error, one), _percent(one.absolute_error, one)
        errors = {"hours": one.hours, "wape_percent": theirs, "dayahead_wape_percent": ours}
        if one.first_lead is None or one.last_lead is None:
            found[one.source] = ReferenceAccuracy(
                source=one.source,
                title=one.title,
                unit=one.unit,
                series=one.series,
                forecasts=one.forecasts,
                leads=[],
                verdict=verdict(ours, theirs),
                **errors,
            )
        else:
            found[one.source].leads.append(LeadErrors(first_lead=one.first_lead, last_lead=one.last_lead, **errors))
    return list(found.values())


def verdict(ours_percent: float | None, theirs_percent: float | None) -> str:
    """The comparison with a reference as a sentence about our forecasts."""
    if ours_percent is None or theirs_percent is None:
        return "Not compared: the observed values are all zero."
    if not theirs_percent:
        return "As good as the reference." if not ours_percent else "Worse than the reference, which has no error."
    change = 100 * (1 - ours_percent / theirs_percent)
    if abs(change) < SAME_PERCENT:
        return "As good as the reference."
    return f"{'Better' if change > 0 else 'Worse'} than the reference by {abs(change):.0f} %."


def _percent(error: float, one: ReferenceSums) -> float | None:
    return round(100 * error / one.absolute_actual, DECIMALS) if one.absolute_actual else None
