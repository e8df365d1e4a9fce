"""What a weather source is: one YAML file, which names its locations, variables, runs and when they can be had.

The definition is also kept in TimescaleDB (table `weather_source`). How it is read is the business of its kind
(`dayahead/weather/weather_kind.py`), whose own fields are kept as they are.
"""

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.weather.message import MAX_HOURS
from dayahead.weather.schedule import RunSchedule
from dayahead.weather.values import Variable

MARGIN_H = 192
"""Hours beyond a window that the first poll fetches, for series that are late."""

LAST_HOUR = 23


class Location(BaseModel):
    """A place on the globe."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    latitude: float = Field(ge=-90, le=90, description="Degrees north of the equator")
    longitude: float = Field(ge=-180, le=180, description="Degrees east of Greenwich")


LocationName = Annotated[str, Field(min_length=1, max_length=100)]


class WeatherSource(BaseModel):
    """One publisher of weather: its locations, and what it publishes of them when."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$", description="Name of the weather source inside Dayahead")
    kind: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="How the source is read: open-meteo or weather-file")
    title: str = Field(min_length=1, description="What a person reads: publisher and model")
    attribution: str = Field(default="", description="Credit that the licence asks for")
    licence: str = Field(default="", description="Under which the values may be used, and by whom")
    locations: dict[LocationName, Location | None] = Field(
        min_length=1,
        description="Name of each location -> its latitude and longitude, in degrees; null where the kind needs none",
    )
    variables: list[Variable] = Field(
        default=[Variable.TEMPERATURE],
        min_length=1,
        description="What is read of each location; the recipe uses temperature_c, the others are stored",
    )
    run_hours: list[Annotated[int, Field(ge=0, le=LAST_HOUR)]] = Field(
        default=[0, 6, 12, 18], min_length=1, description="Hours of the day at which runs of the model start, UTC"
    )
    delay_h: float = Field(
        default=5, ge=0, le=48, description="Hours from the start of a run until it can be had, as is usual"
    )
    horizon_h: int = Field(default=72, ge=24, le=MAX_HOURS, description="Hours from its start that are read of a run")
    poll_interval_s: float = Field(
        default=600, gt=0, description="Seconds between two looks for a run that is due, plus up to a tenth at random"
    )
    history_h: int = Field(
        default=WINDOW_HOURS + MARGIN_H,
        ge=24,
        le=92 * 24,
        description="Hours before now that the first poll fetches, so that windows are full",
    )
    history_start: date | None = Field(
        default=None, description="First day (UTC) that archived runs exist for; an earlier backfill is refused"
    )

    @field_validator("locations")
    @classmethod
    def _printable(cls, locations: dict[str, Location | None]) -> dict[str, Location | None]:
        for name in locations:
            if not name.isprintable() or name != name.strip():
                raise ValueError(f"location {name!r} must be a printable name without blanks at its ends")
        return locations

    @field_validator("run_hours")
    @classmethod
    def _ascending(cls, hours: list[int]) -> list[int]:
        if sorted(set(hours)) != hours:
            raise ValueError(f"run_hours {hours} must ascend and not repeat, like [0, 6, 12, 18]")
        return hours

    @model_validator(mode="after")
    def _each_variable_once(self) -> Self:
        if len(set(self.variables)) < len(self.variables):
            raise ValueError(f"variables {[str(one) for one in self.variables]} must name each once")
        return self

    @property
    def schedule(self) -> RunSchedule:
        """When its runs start and can be had."""
        return RunSchedule(self.run_hours, self.delay_h)
