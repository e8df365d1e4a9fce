"""Units that names of columns say, and whether they are of energy or power."""

import re
from typing import Any

import pyarrow as pa

from dayahead.reading.arrow import compute as pc

ENERGY = {"wh": "Wh", "kwh": "kWh", "mwh": "MWh", "gwh": "GWh"}
POWER = {"w": "W", "kw": "kW", "mw": "MW", "gw": "GW"}


def unit_in(name: str) -> str | None:
    """The unit that the name of a column says: `Load (MW)`, `GrossConsumptionMWh`, `kWh`; None if none."""
    for word in re.findall(r"[A-Za-z]+", name)[::-1]:
        if (found := (ENERGY | POWER).get(word.lower())) and (len(word) > 1 or word == "W"):
            return found
        if end := re.search(r"(?<=[a-z])([kMG]?Wh?)$", word):
            return end[1]
    return None


def is_energy(unit: str) -> bool | None:
    """Whether a unit is of energy; False if of power; None if it is neither."""
    if unit.lower() in ENERGY:
        return True
    return False if unit.lower() in POWER else None


def unit_of_column(column: "pa.Array[Any]") -> str | None:
    """The unit that every value of a column is; None if it has others."""
    if not pa.types.is_string(column.type):
        return None
    distinct = pc.drop_null(pc.unique(column)).to_pylist()
    if len(distinct) != 1:
        return None
    return (ENERGY | POWER).get(distinct[0].strip().lower())
