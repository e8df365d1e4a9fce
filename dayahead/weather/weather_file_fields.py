"""Fields of the file of a weather source for kind `weather-file`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from dayahead.reading.source_kind import KindFields, SourcePath
from dayahead.weather.hour_means import Stamp
from dayahead.weather.units import converter, units_of
from dayahead.weather.values import Variable


class WeatherFileFields(KindFields):
    """Fields of the file for this kind."""

    path: SourcePath = Field(
        description="The data file, relative to the file of the source; or a folder or a pattern: all files in it"
    )
    holds: Literal["runs", "observations"] = Field(
        description="runs: what a weather model forecast, each with its start; observations: the weather as it was"
    )
    value_columns: dict[Variable, str] = Field(min_length=1, description="Variable -> column with its values")
    units: dict[Variable, str] = Field(
        default_factory=dict, description="Variable -> unit of its column, where that is not the one in its name: °F, K"
    )
    location_column: str | None = Field(
        default=None, description="Column with the name of the location; left out where the source has one location"
    )
    time_column: str = Field(default="valid_time", description="Column with the time that a value is for")
    time_format: str = Field(
        default="auto", description="auto: ISO 8601; epoch_s; epoch_ms; or a pattern of strptime. UTC without an offset"
    )
    time_label: Stamp = Field(
        default=Stamp.START,
        description="What the time of a value names: the start or the end of the period that it is the mean of, or the "
        "instant that it is for",
    )
    start_column: str | None = Field(default=None, description="Of runs: column with the start of the run")
    available_column: str | None = Field(
        default=None,
        description="Column with the time from which a value could be had; left out, delay_h after the start of its "
        "run, or after the end of an observed day",
    )
    delimiter: str = Field(default=",", pattern=r"^[ -!#-~\t]$", description="What separates the columns of a CSV file")
    decimal: str = Field(default=".", pattern=r"^[.,]$", description="Decimal mark of numbers that are text: . or ,")
    null_marks: list[str] = Field(
        default=[""], description="Texts that stand for a value that does not exist, e.g. [n/a]; '' is an empty text"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.holds == "runs") != (self.start_column is not None):
            raise ValueError("holds: runs needs start_column, the column with the start of each run; observations none")
        for variable, unit in self.units.items():
            if converter(variable, unit) is None:
                raise ValueError(f"units {variable}: {unit!r} is unknown; there are: {', '.join(units_of(variable))}")
        return self
