"""The public data and protocols that accuracy is measured on.

A protocol says what is known when, and where forecasts start: everything before `train_until` may be fitted on, the
origins follow. No choice of the recipe was made on any of the test periods.
"""

import lzma
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.models.history import History

DATA = Path(os.environ.get("DAYAHEAD_TEST_DATA", Path(__file__).parents[1] / "../shared/data"))
DAY = 24


@dataclass(frozen=True)
class Protocol:
    """Data, what may be learnt from, and the forecasts to make.

    Attributes:
        name: as on the command line.
        title: as reports show it.
        training: all that a method may fit on.
        history: all hours, to walk through and to judge by.
        series: int64 [n], row of each forecast.
        origin: int64 [n], origin of each forecast.
        leads: hours after the origin that are forecast.
        first_lead: int64 [n], first lead that is judged.
        last_lead: int64 [n], last lead that is judged.
    """

    name: str
    title: str
    training: History
    history: History
    series: NDArray[np.int64]
    origin: NDArray[np.int64]
    leads: int = DAY
    first_lead: NDArray[np.int64] = field(default_factory=lambda: np.ones(1, np.int64))
    last_lead: NDArray[np.int64] = field(default_factory=lambda: np.full(1, DAY))

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Which leads of each forecast are judged; [n, leads], or [1, leads] where they are the same for all."""
        lead = np.arange(1, self.leads + 1)
        return (lead >= self.first_lead[:, None]) & (lead <= self.last_lead[:, None])


class DataAbsentError(Exception):
    """A file of the protocol is not there."""


def path_of(name: str) -> Path:
    """Path of a file of the data."""
    path = DATA / name
    if not path.exists():
        raise DataAbsentError(f"{path} is absent: set DAYAHEAD_TEST_DATA to the folder that has it")
    return path


def _columns(name: str) -> dict[str, list[object]]:
    return pq.read_table(path_of(name)).to_pydict()


def matrix(
    hours: NDArray[np.int64], names: NDArray[np.str_], values: NDArray[np.float64]
) -> tuple[tuple[str, ...], int, NDArray[np.float64]]:
    """Long rows as a matrix, the mean where an hour comes twice, NaN where it does not come."""
    series_ids, rows = np.unique(names, return_inverse=True)
    start = int(hours.min())
    shape = (len(series_ids), int(hours.max()) - start + 1)
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, (rows, hours - start), values)
    np.add.at(count, (rows, hours - start), 1)
    return tuple(series_ids.tolist()), start, np.where(count > 0, total / np.maximum(count, 1), np.nan)


def walk(name: str, title: str, history: History, origins: range) -> Protocol:
    """All series of a history at each origin; what is before the first origin may be learnt from."""
    count = len(history.series_ids)
    return Protocol(
        name,
        title,
        history.until(origins[0] + 1),
        history,
        np.tile(np.arange(count), len(origins)),
        np.repeat(np.array(origins, np.int64), count),
    )


def pjm_history() -> History:
    """Ten zones of PJM in MW; the file's local hours are taken as they stand."""
    table = _columns("pjm_hourly.parquet")
    hours = np.array([str(text).replace(" ", "T") for text in table["Datetime"]], "datetime64[h]").astype(np.int64)
    zones, values = np.array(table["Zone"], str), np.array(table["MW"], np.float64)
    first, last = (int(np.datetime64(text, "h").astype(np.int64)) for text in ("2013-06-01T00", "2018-08-02T23"))
    wanted = (hours >= first) & (hours <= last) & (zones != "NI")
    return History(*matrix(hours[wanted], zones[wanted], values[wanted]), (Calendar("UTC", "US"),))


def pjm_year() -> Protocol:
    """A year of daily origins at 23:00."""
    history = pjm_history()
    last = history.end - 1
    origins = range(last - 364 * DAY, last - DAY + 1, DAY)
    return walk("pjm-year", "PJM, 10 zones, 364 daily origins at 23:00", history, origins)


def pjm_hourly() -> Protocol:
    """The same year, an origin every 7 hours."""
    history = pjm_history()
    last = history.end - 1
    origins = range(last - 364 * DAY, last - DAY + 1, 7)
    return walk("pjm-hourly", "PJM, 10 zones, a year, an origin every 7 h", history, origins)


def _ahead(protocol: Protocol, name: str, title: str, first: int, last: int) -> Protocol:
    """The same walk, judged on later leads: origins whose leads end with the history, all leads alike."""
    kept = protocol.origin + last < protocol.history.end
    return replace(
        protocol,
        name=name,
        title=title,
        training=replace(protocol.training, leads=last),
        history=replace(protocol.history, leads=last),
        series=protocol.series[kept],
        origin=protocol.origin[kept],
        leads=last,
        first_lead=np.full(1, first),
        last_lead=np.full(1, last),
    )


def _gate(protocol: Protocol, name: str, title: str, newest_hour: int) -> Protocol:
    """Forecasts at a gate: tomorrow's local day, from the origins at one hour of the day within the walk."""
    calendar = protocol.history.calendars[0]
    hours = np.arange(int(protocol.origin.min()), int(protocol.origin.max()) + 1)
    fields = calendar.at(np.arange(hours[0], hours[-1] + 3 * DAY))
    midnights = hours[0] + np.flatnonzero(fields.hour == 0)
    origins = hours[calendar.at(hours).hour == newest_hour]
    tomorrow = np.searchsorted(midnights, origins, side="right")
    first, end = midnights[tomorrow] - origins, midnights[tomorrow + 1] - origins
    inside = origins + end <= protocol.history.end
    origins, first, end = origins[inside], first[inside], end[inside]
    count = len(protocol.history.series_ids)
    leads = int(end.max()) - 1
    return replace(
        protocol,
        name=name,
        title=title,
        training=replace(protocol.history.until(int(origins[0]) + 1), leads=leads),
        history=replace(protocol.history, leads=leads),
        series=np.tile(np.arange(count), len(origins)),
        origin=np.repeat(origins, count),
        leads=leads,
        first_lead=np.repeat(first, count),
        last_lead=np.repeat(end - 1, count),
    )


def pjm_day_2() -> Protocol:
    """The year of daily origins at 23:00, the second day ahead."""
    return _ahead(pjm_year(), "pjm-day-2", "PJM, the day after tomorrow, daily origins at 23:00", DAY + 1, 2 * DAY)


def pjm_gate() -> Protocol:
    """Tomorrow as forecast at a gate at 11:00 with the newest hour 10:00."""
    return _gate(pjm_year(), "pjm-gate", "PJM, tomorrow 00-24, newest hour 10:00", 10)


def pjm_days_9_16() -> Protocol:
    """Days 9 to 16 ahead, origins every third day at 23:00."""
    year = pjm_year()
    thinned = (year.origin - year.origin[0]) % (3 * DAY) == 0
    every_third = replace(year, series=year.series[thinned], origin=year.origin[thinned])
    return _ahead(every_third, "pjm-days-9-16", "PJM, days 9 to 16 ahead, every third day", 8 * DAY + 1, 16 * DAY)


def vic_day_2() -> Protocol:
    """Demand of Victoria: the half-year of daily origins at 23:00, the second day ahead."""
    return _ahead(vic_daily(), "vic-day-2", "Victoria, the day after tomorrow, daily origins", DAY + 1, 2 * DAY)


def vic_gate() -> Protocol:
    """Demand of Victoria: tomorrow as forecast with the newest hour 10:00 local."""
    return _gate(vic_daily(), "vic-gate", "Victoria, tomorrow 00-24 local, newest hour 10:00", 10)


def de35_day_2() -> Protocol:
    """Danish consumption by industry: the second day ahead."""
    return _ahead(de35(), "de35-day-2", "DE35, 76 series, the second day ahead, an origin every 3 h", DAY + 1, 2 * DAY)


def de35() -> Protocol:
    """Danish consumption by industry: trained before the last week, origins every 3 hours."""
    table = _columns("ConsumptionDE35Hour.parquet")
    hours = np.array(table["HourUTC"], "datetime64[h]").astype(np.int64)
    names = np.char.add(np.char.add(np.array(table["PriceArea"], str), "/"), np.array(table["ConsumerType_DE35"], str))
    history = History(
        *matrix(hours, names, np.array(table["TotalCon"], np.float64)), (Calendar("Europe/Copenhagen", "DK"),)
    )
    cut = history.end - 7 * DAY
    return walk(
        "de35",
        "DE35, 76 series, 28 days; the last week, an origin every 3 h",
        history,
        range(cut - 1, history.end - DAY, 3),
    )


def m4() -> Protocol:
    """M4 Hourly: the end of each series' training part; no clock, so the hour of the day is the position."""
    values, lengths = _m4_values()
    training = values.copy()
    training[np.arange(training.shape[1]) >= lengths[:, None]] = np.nan
    return Protocol(
        "m4",
        "M4 Hourly, 414 series, the first 24 h of the test part",
        _m4_history(training),
        _m4_history(values),
        np.arange(len(values)),
        lengths - 1,
    )


def m4_early() -> Protocol:
    """M4 Hourly: 25 origins every 7 h, the last a day before the end of the training part."""
    values, lengths = _m4_values()
    training = values.copy()
    training[np.arange(training.shape[1]) >= (lengths - 192)[:, None]] = np.nan
    back = np.arange(192, 23, -7)
    return Protocol(
        "m4-early",
        "M4 Hourly, 414 series, 25 origins every 7 h before the test part",
        _m4_history(training),
        _m4_history(values),
        np.repeat(np.arange(len(values)), len(back)),
        (lengths[:, None] - 1 - back).ravel(),
    )


def _m4_history(values: NDArray[np.float64]) -> History:
    return History(tuple(f"H{number + 1}" for number in range(len(values))), 0, values, (Calendar("UTC"),))


def _m4_values() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Training and test parts of each series one after the other, and the lengths of the training parts."""
    parts: dict[str, list[list[float]]] = {}
    for part in ("train", "test"):
        with lzma.open(path_of(f"Hourly-{part}.csv.xz"), "rt") as lines:
            next(lines)
            for line in lines:
                name, *cells = [cell.strip('"') for cell in line.strip().split(",")]
                parts.setdefault(name, []).append([float(cell) for cell in cells if cell and cell != "NA"])
    lengths = np.array([len(train) for train, _ in parts.values()], np.int64)
    values = np.full((len(parts), int(lengths.max()) + 48), np.nan)
    for row, (train, test) in enumerate(parts.values()):
        values[row, : len(train) + len(test)] = train + test
    return values, lengths


def _vic(name: str, title: str, every_h: int | None) -> Protocol:
    table = _columns("vic_elec_halfhourly.parquet")
    moments = np.array([str(text).rstrip("Z") for text in table["Time"]], "datetime64[m]").astype(np.int64)
    values = np.array(table["Demand"], np.float64)
    calendar = Calendar("Australia/Melbourne", "AU", "VIC")
    history = History(*matrix(moments // 60, np.full(len(values), "VIC"), values), (calendar,))
    hours = np.arange(history.end - 182 * DAY - DAY, history.end)
    evenings = hours[(calendar.at(hours).hour == 23) & (hours + DAY < history.end)][-182:]
    if every_h is None:
        protocol = walk(name, title, history, range(int(evenings[0]), int(evenings[0]) + 1))
        return Protocol(
            name, title, protocol.training, history, np.zeros(len(evenings), np.int64), evenings.astype(np.int64)
        )
    return walk(name, title, history, range(int(evenings[0]), history.end - DAY, every_h))


def vic_daily() -> Protocol:
    """Demand of Victoria: half a year of origins at 23:00 local time."""
    return _vic("vic-daily", "Victoria, 182 daily origins at 23:00 local", None)


def vic_hourly() -> Protocol:
    """Demand of Victoria: the same half-year, an origin every 7 hours."""
    return _vic("vic-hourly", "Victoria, half a year, an origin every 7 h", 7)


PROTOCOLS: dict[str, Callable[[], Protocol]] = {
    "pjm-year": pjm_year,
    "pjm-hourly": pjm_hourly,
    "pjm-day-2": pjm_day_2,
    "pjm-gate": pjm_gate,
    "pjm-days-9-16": pjm_days_9_16,
    "de35": de35,
    "de35-day-2": de35_day_2,
    "m4": m4,
    "m4-early": m4_early,
    "vic-daily": vic_daily,
    "vic-hourly": vic_hourly,
    "vic-day-2": vic_day_2,
    "vic-gate": vic_gate,
}
