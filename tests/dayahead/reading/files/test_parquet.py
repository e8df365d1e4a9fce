from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dayahead.errors import SourceRefused, SourceUnavailable
from dayahead.reading.files.parquet import parquet_tables
from tests.dayahead.reading.files.building import make_source, records_of

NANOSECONDS = [1704067200_000_000_000, 1704070800_000_000_001]


def write(folder: Path, **columns: "pa.Array[Any]") -> Path:
    table = {"time": pa.array(["2024-01-01", "2024-01-02"]), "meter": pa.array(["a", "b"]), "value": pa.array([1, 2])}
    pq.write_table(pa.table({**table, **columns}), folder / "a.parquet", row_group_size=1)
    return folder / "a.parquet"


def test_nanoseconds_and_decimals_keep_their_types(tmp_path: Path) -> None:
    times = pa.array(NANOSECONDS, pa.timestamp("ns"))
    values = pa.array([Decimal("1.25"), Decimal("2.50")])
    (table,) = parquet_tables(write(tmp_path, time=times, value=values), make_source())
    assert (table.column("time"), table.column("value")) == (times, values)
    assert table.record(0) == {"time": datetime(2024, 1, 1), "meter": "a", "value": Decimal("1.25")}  # noqa: DTZ001
    assert table.record(1)["time"] == "2024-01-01 01:00:00.000000001"


@pytest.mark.parametrize("kind", [pa.dictionary(pa.int8(), pa.string()), pa.large_string(), pa.string_view()])
def test_text_is_read_as_text_however_it_is_stored(tmp_path: Path, kind: "pa.DataType") -> None:
    (table,) = parquet_tables(write(tmp_path, meter=pa.array(["a", "b"], kind)), make_source())
    assert table.column("meter") == pa.array(["a", "b"])


def test_only_the_columns_that_the_source_names_are_read_in_parts(tmp_path: Path) -> None:
    file = write(tmp_path, **{" note.x ": pa.array(["x", "y"])})
    tables = list(parquet_tables(file, make_source(), batch_rows=1))
    assert [(len(table), table.columns) for table in tables] == [(1, ["time", "meter", "value"])] * 2
    (record, _) = records_of(file, value_column="note.x")
    assert record["note.x"] == "x"


def test_row_numbers_of_pandas_are_no_series(tmp_path: Path) -> None:
    file = write(tmp_path, __index_level_0__=pa.array([0, 1]))
    (record, _) = records_of(file, value_column=None, value_columns="all", value_label="part")
    assert list(record) == ["time", "meter", "value"]


def test_a_missing_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match=r"a\.parquet has no column 'Wert'.*Its columns are: time, meter, value"):
        records_of(write(tmp_path), value_column="Wert")


@pytest.mark.parametrize("cut", [3, 20, 200])
def test_a_file_that_is_half_written_is_waited_for(tmp_path: Path, cut: int) -> None:
    file = write(tmp_path)
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(SourceUnavailable, match="may still be being written"):
        records_of(file)
