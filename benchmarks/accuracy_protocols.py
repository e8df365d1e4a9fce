"""The public data and protocols that accuracy is measured on.

A protocol says what is known when, and where forecasts start: everything before `train_until` may be fitted on, the
origins follow. No choice of the recipe was made on any of the test periods.
"""

import lzma
import os
from collections.abc import Callable
from dataclasses import dataclass
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
    """

    name: str
    title: str
    training: History
    history: History
    series: NDArray[np.int64]
    origin: NDArray[np.int64]


class DataAbsentError(Exception):
    """A file of the protocol is not there."""


def _file(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        raise DataAbsentError(f"{path} is absent: set DAYAHEAD_TEST_DATA to the folder that has it")
    return path


def _columns(name: str) -> dict[str, list[object]]:
    return pq.read_table(_file(name)).to_pydict()


def _matrix(
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


def _walk(name: str, title: str, history: History, origins: range) -> Protocol:
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
    return History(*_matrix(hours[wanted], zones[wanted], values[wanted]), (Calendar("UTC", "US"),))


def pjm_year() -> Protocol:
    """A year of daily origins at 23:00."""
    history = pjm_history()
    last = history.end - 1
    origins = range(last - 364 * DAY, last - DAY + 1, DAY)
    return _walk("pjm-year", "PJM, 10 zones, 364 daily origins at 23:00", history, origins)


def pjm_hourly() -> Protocol:
    """The same year, an origin every 7 hours."""
    history = pjm_history()
    last = history.end - 1
    origins = range(last - 364 * DAY, last - DAY + 1, 7)
    return _walk("pjm-hourly", "PJM, 10 zones, a year, an origin every 7 h", history, origins)


def de35() -> Protocol:
    """Danish consumption by industry: trained before the last week, origins every 3 hours."""
    table = _columns("ConsumptionDE35Hour.parquet")
    hours = np.array(table["HourUTC"], "datetime64[h]").astype(np.int64)
    names = np.char.add(np.char.add(np.array(table["PriceArea"], str), "/"), np.array(table["ConsumerType_DE35"], str))
    history = History(
        *_matrix(hours, names, np.array(table["TotalCon"], np.float64)), (Calendar("Europe/Copenhagen", "DK"),)
    )
    cut = history.end - 7 * DAY
    return _walk(
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
        with lzma.open(_file(f"Hourly-{part}.csv.xz"), "rt") as lines:
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
    history = History(*_matrix(moments // 60, np.full(len(values), "VIC"), values), (calendar,))
    hours = np.arange(history.end - 182 * DAY - DAY, history.end)
    evenings = hours[(calendar.at(hours).hour == 23) & (hours + DAY < history.end)][-182:]
    if every_h is None:
        protocol = _walk(name, title, history, range(int(evenings[0]), int(evenings[0]) + 1))
        return Protocol(
            name, title, protocol.training, history, np.zeros(len(evenings), np.int64), evenings.astype(np.int64)
        )
    return _walk(name, title, history, range(int(evenings[0]), history.end - DAY, every_h))


def vic_daily() -> Protocol:
    """Demand of Victoria: half a year of origins at 23:00 local time."""
    return _vic("vic-daily", "Victoria, 182 daily origins at 23:00 local", None)


def vic_hourly() -> Protocol:
    """Demand of Victoria: the same half-year, an origin every 7 hours."""
    return _vic("vic-hourly", "Victoria, half a year, an origin every 7 h", 7)


PROTOCOLS: dict[str, Callable[[], Protocol]] = {
    "pjm-year": pjm_year,
    "pjm-hourly": pjm_hourly,
    "de35": de35,
    "m4": m4,
    "m4-early": m4_early,
    "vic-daily": vic_daily,
    "vic-hourly": vic_hourly,
}
