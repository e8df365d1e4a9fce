"""A forecast as topics `forecasts` and `day-ahead` carry it, for the programs that read them."""

from datetime import timedelta
from typing import Self

from pydantic import AwareDatetime, BaseModel, model_validator

from dayahead.contracts import Rung


class Forecast(BaseModel):
    """The fields of both messages that are read; others pass unseen, also those of later versions.

    Attributes:
        p50: median of each hour, in `unit`, from `first_hour` on; p10 and p90, the quantiles, are as many.
        starts_at: first hour of a day of topic `day-ahead`; None in topic `forecasts`.
    """

    series_id: str
    origin: AwareDatetime
    issued_at: AwareDatetime
    release: str | None
    rung: Rung
    unit: str
    p50: list[float]
    p10: list[float]
    p90: list[float]
    starts_at: AwareDatetime | None = None

    @property
    def first_hour(self) -> AwareDatetime:
        """Start of the first hour."""
        return self.starts_at or self.origin + timedelta(hours=1)

    def is_newer_than(self, other: Self | None) -> bool:
        """Whether it replaces another forecast of the series."""
        return other is None or (self.origin, self.issued_at) > (other.origin, other.issued_at)

    @model_validator(mode="after")
    def _hours_are_known(self) -> Self:
        if not len(self.p10) == len(self.p50) == len(self.p90):
            raise ValueError(f"p10, p50 and p90 have {len(self.p10)}, {len(self.p50)} and {len(self.p90)} hours")
        try:
            self.first_hour + timedelta(hours=len(self.p50))
        except OverflowError as error:
            raise ValueError("origin: its hours lie after the year 9999") from error
        return self
