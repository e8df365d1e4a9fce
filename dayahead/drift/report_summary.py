"""What a report of drift and accuracy says in numbers: written by the trainer, served by the API."""

from pydantic import BaseModel, Field

from dayahead.contracts import UtcTime


class ColumnDrift(BaseModel):
    """Drift of one column of the data."""

    column: str = Field(description="Rolling feature, or `actual`, `forecast`")
    distance: float = Field(
        description="Wasserstein distance of the current hours to the reference, in standard deviations of the latter"
    )
    drifted: bool = Field(description="Whether it is at or beyond `drift_distance`")


class ForecastQuality(BaseModel):
    """Forecasts of day 1 against what was observed; errors are shares of the usual level of a series."""

    mae: float = Field(description="Mean |forecast - actual|")
    mean_error: float = Field(description="Mean of forecast - actual: positive where too much was forecast")
    rmse: float = Field(description="Root of the mean squared error")
    wape: float | None = Field(
        description="Sum of |forecast - actual| / sum of |actual|, in the units of the series; null where nothing was "
        "consumed"
    )


class AreaReport(BaseModel):
    """One price area: the first label of its series."""

    area: str = Field(description="Name of the area")
    rows: int = Field(description="Current hours in the sample")
    reference_rows: int = Field(description="Hours of the reference in the sample")
    drifted_share: float | None = Field(
        description="Share of its columns that have drifted; null where it has too few hours"
    )
    target: ColumnDrift | None = Field(description="Drift of what is forecast; null where it has too few hours")
    quality: ForecastQuality | None = Field(description="Accuracy of the current forecasts; null without any")
    reference_quality: ForecastQuality | None = Field(description="... and of those of the reference, where it has any")


class ReportSummary(BaseModel):
    """A report in numbers."""

    library: str = Field(description="Library that compared the data, with its version")
    reference_from: UtcTime = Field(description="First hour of the reference, UTC")
    current_from: UtcTime = Field(description="Hour after the last of the reference, first current one, UTC")
    current_until: UtcTime = Field(description="Hour after the last current one, UTC")
    rows: int = Field(description="Current hours in the sample: one a series and origin")
    reference_rows: int = Field(description="Hours of the reference in the sample")
    drift_distance: float = Field(description="Distance from which on a column has drifted")
    drifted_share: float = Field(description="Share of the columns that have drifted, over all areas")
    columns: list[ColumnDrift] = Field(description="Every column over all areas, the farthest first")
    drifted_areas: list[str] = Field(description="Areas in which what is forecast has drifted")
    quality: ForecastQuality | None = Field(description="Accuracy of the current forecasts over all areas")
    reference_quality: ForecastQuality | None = Field(description="... and of those of the reference, where it has any")
    areas: list[AreaReport] = Field(description="By area, those with the most hours")
    areas_left_out: int = Field(description="Areas that are too many to be listed")
    own_share: float | None = Field(
        default=None, description="Weekly: share of the current forecasts that this very release issued"
    )
