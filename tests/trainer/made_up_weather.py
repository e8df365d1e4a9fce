"""Load that follows a temperature, and files of both, made up by code: what weather is worth is known beforehand."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray

from dayahead.hours import from_hour, to_hour

START = to_hour(datetime(2024, 1, 1, tzinfo=UTC))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class MadeUp:
    """Hours of load and temperature.

    Attributes:
        temperature: float64 [locations, hours], degrees Celsius: coast, hills and moor.
        load: float64 [series, hours]: shore follows the coast, upland the mean of hills and moor, mill nothing.
    """

    temperature: NDArray[np.float64]
    load: NDArray[np.float64]

    @property
    def hours(self) -> int:
        return int(self.load.shape[1])


LOCATIONS = ("coast", "hills", "moor")
SERIES = ("mill", "shore", "upland")


def made_up(days: int, seed: int = 5) -> MadeUp:
    random = np.random.default_rng(seed)
    hours = np.arange(days * 24)
    fronts = np.zeros((len(LOCATIONS), len(hours)))
    steps = random.normal(0, 0.55, fronts.shape)
    for hour in range(1, len(hours)):
        fronts[:, hour] = 0.985 * fronts[:, hour - 1] + steps[:, hour]
    temperature = 6 + 3 * np.sin(2 * np.pi * (hours - 9) / 24) + fronts
    day = np.sin(2 * np.pi * (hours - 7) / 24) - 0.25 * (hours // 24 % 7 >= 5)
    cold = np.maximum(16 - temperature, 0)
    shore = 800 + 150 * day + 18 * cold[0]
    upland = 500 + 90 * day + 6 * cold[1] + 6 * cold[2]
    mill = 300 + 30 * day
    load = np.stack([mill, shore, upland]) * (1 + random.normal(0, 0.008, (3, len(hours))))
    return MadeUp(temperature, load)


def write_load(made: MadeUp, folder: Path, **fields: object) -> tuple[Path, Path]:
    """A data file and its source."""
    moments = [from_hour(START + hour) for hour in range(made.hours)]
    table = pa.table(
        {
            "time": pa.array(moments * len(SERIES), pa.timestamp("us", "UTC")),
            "site": np.repeat(SERIES, made.hours),
            "kWh": made.load.ravel(),
        }
    )
    pq.write_table(table, folder / "load.parquet")
    source = {
        "name": "made-up",
        "kind": "file",
        "title": "made up",
        "path": "load.parquet",
        "time_column": "time",
        "key_columns": ["site"],
        "value_column": "kWh",
        "unit": "kWh",
        "horizon_h": 24,
    } | fields
    (folder / "load.yaml").write_text(yaml.safe_dump(source))
    return folder / "load.parquet", folder / "load.yaml"


def write_observations(made: MadeUp, folder: Path) -> Path:
    """A file with the columns that need no description."""
    moments = [from_hour(START + hour) for hour in range(made.hours)]
    table = pa.table(
        {
            "location": np.repeat(LOCATIONS, made.hours),
            "valid_time": pa.array(moments * len(LOCATIONS), pa.timestamp("us", "UTC")),
            "temperature_c": made.temperature.ravel(),
        }
    )
    pq.write_table(table, folder / "weather.parquet")
    return folder / "weather.parquet"


def write_runs(made: MadeUp, folder: Path, sd: float, leads: int = 48) -> Path:
    """Runs of a model every six hours, in CSV, with an error of their own each."""
    random = np.random.default_rng(9)
    lines = ["location,run,available_at,valid_time,temperature_c"]
    for place, location in enumerate(LOCATIONS):
        for start in range(0, made.hours, 6):
            ahead = made.temperature[place, start : start + leads]
            values = ahead + random.normal(0, sd) * np.minimum(np.arange(len(ahead)) / 12, 1)
            run, available = (f"{from_hour(START + start + delay):%Y-%m-%dT%H:00Z}" for delay in (0, 4))
            lines += [
                f"{location},{run},{available},{from_hour(START + start + lead):%Y-%m-%dT%H:00Z},{value:.3f}"
                for lead, value in enumerate(values)
            ]
    file = folder / "runs.csv"
    file.write_text("\n".join(lines) + "\n")
    return file
