"""How the records of a source are written: columns, times, numbers and periods, as its YAML file describes them.

What a publisher writes cannot always be recognized from the data, and a wrong guess gives wrong hours without an error.
Each field has a default that is safe: a record that does not fit is rejected with a reason that names the field.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

ALL_COLUMNS = "all"
AUTO: Literal["auto"] = "auto"
EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000}
"""Time formats that count from 1970-01-01T00:00Z, and the microseconds of their unit."""

PERIOD = "{period}"
"""Stands in `time_format` for the number of the period within its local day, from 1."""

ANYTHING = "*"
"""Stands in `time_format` for any text, e.g. the end of an interval."""

HOUR_MINUTES = 60
DIVISORS = tuple(minutes for minutes in range(1, HOUR_MINUTES + 1) if HOUR_MINUTES % minutes == 0)
"""Lengths of a period that divide an hour, in minutes."""

Quantity = Literal["energy", "power", "register"]
Period = Annotated[int, Field(ge=1)] | Literal["auto"]


class RecordFormat(BaseModel):
    """The part of a source that its records are read by."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    delimiter: str = Field(
        default=",",
        pattern=r"^[ -!#-~\t]$",
        description="What separates the columns of a CSV file: one ASCII character",
    )
    decimal: str = Field(default=".", pattern=r"^[.,]$", description="Decimal mark of numbers that are text: . or ,")
    thousands: str | None = Field(
        default=None, pattern=r"^[., '\u00a0\u202f]$", description="Mark between the thousands of numbers that are text"
    )
    null_marks: list[str] = Field(
        default_factory=list,
        description="Texts that stand for a value that does not exist, e.g. [n/e, '?']: counted, not dead letters; '' "
        "stands for an empty text and for null, a number for itself however it is written",
    )
    scale: float = Field(default=1.0, description="Factor from the values of the records to unit: 1000 for MWh to kWh")
    encoding: str = Field(
        default=AUTO,
        pattern="^(auto|utf-8|utf-16|windows-1252|iso-8859-1)$",
        description="Encoding of a text file; auto: by its first bytes, else UTF-8, else Windows-1252",
    )

    time_column: str | None = Field(
        default=None, description="Column with the time of the record; or time_columns, where it takes two"
    )
    time_columns: list[str] = Field(
        default_factory=list,
        description="Columns that make the time together, joined by a blank: [Date, Time] or [Date, Period]",
    )
    time_format: str = Field(
        default=AUTO,
        min_length=1,
        description="auto: ISO 8601; epoch_s; epoch_ms; or a pattern of strptime (%d.%m.%Y %H:%M), in which {period} "
        "is the number of the period in its local day and * any text",
    )
    time_label: Literal["start", "end"] = Field(
        default="start", description="What the time of a record names: the start or the end of its period"
    )
    time_zone: str = Field(default="UTC", description="Time zone of times that carry no offset")
    mark_column: str | None = Field(
        default=None, description="Column that says which of two equal times of an autumn night a record has"
    )
    first_marks: list[str] = Field(
        default_factory=list,
        description="Values of mark_column, or words at the end of the time, of the first of two equal times (CEST)",
    )
    second_marks: list[str] = Field(
        default_factory=list, description="The same for the second of two equal times (CET, or DST for ERCOT)"
    )
    off_hour: Literal["reject", "split"] = Field(
        default="reject",
        description="Hourly records that start within an hour of UTC (zones like Asia/Kolkata): rejected, or split in "
        "proportion between the two hours that they lie in",
    )

    period_minutes: Period = Field(
        default=AUTO,
        description="Length of a record's period in minutes: a divisor of 60; auto: found in the data, series by "
        "series, also where it changes",
    )
    quantity: Quantity | None = Field(
        default=None,
        description="What a value is: energy (short periods are summed), power (averaged), or register (a meter "
        "reading at the time of the record: hours are differences)",
    )
    aggregate: Literal["sum", "mean"] | None = Field(
        default=None, description="Older name of quantity: sum (energy) or mean (power)"
    )
    register_rollover: float | None = Field(
        default=None, gt=0, description="Reading at which a register starts again from 0, in the unit of the records"
    )

    @field_validator("time_zone")
    @classmethod
    def _known_time_zone(cls, name: str) -> str:
        return known_zone(name)

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if bool(self.time_column) == bool(self.time_columns):
            raise ValueError("give either time_column or time_columns")
        if len(self.time_columns) == 1 or len(set(self.time_columns)) < len(self.time_columns):
            raise ValueError(f"time_columns {self.time_columns} must be two or more columns that differ")
        if self.delimiter == self.decimal:
            raise ValueError(f"delimiter and decimal are both {self.decimal!r}")
        if self.thousands == self.decimal:
            raise ValueError(f"thousands and decimal are both {self.decimal!r}")
        if self.scale == 0:
            raise ValueError("scale must not be 0")
        if self.period_minutes != AUTO and self.period_minutes not in DIVISORS:
            raise ValueError(
                f"period_minutes {self.period_minutes} must divide an hour: {', '.join(map(str, DIVISORS))} or auto"
            )
        if self.aggregate is not None and self.quantity not in (None, "energy" if self.aggregate == "sum" else "power"):
            raise ValueError(f"aggregate {self.aggregate} contradicts quantity {self.quantity}: leave aggregate out")
        if self.register_rollover is not None and self.quantity != "register":
            raise ValueError("register_rollover needs quantity: register")
        if self.mark_column is not None and not (self.first_marks or self.second_marks):
            raise ValueError("mark_column needs first_marks or second_marks: its values")
        return self

    @model_validator(mode="after")
    def _known_format(self) -> Self:
        form = self.time_format
        if form not in (AUTO, *EPOCHS) and "%" not in form:
            raise ValueError(f"time_format {form!r} must be auto, epoch_s, epoch_ms or a pattern like %d.%m.%Y %H:%M")
        if PERIOD in form and self.period_minutes == AUTO:
            raise ValueError(f"time_format {form!r} needs period_minutes: the length of the numbered periods")
        return self

    @property
    def times(self) -> Sequence[str]:
        """The columns that make the time of a record."""
        return self.time_columns or [self.time_column or ""]

    @property
    def is_power(self) -> bool:
        """Whether short periods are averaged to hours, not summed."""
        return self.quantity == "power" or self.aggregate == "mean"

    @property
    def is_said(self) -> bool:
        """Whether the source says how short periods make an hour."""
        return self.quantity is not None or self.aggregate is not None


def known_zone(name: str) -> str:
    """Check the name of a time zone.

    Raises:
        ValueError: the IANA database has no such zone.
    """
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone of the IANA database, like Europe/Copenhagen") from error
    return name
