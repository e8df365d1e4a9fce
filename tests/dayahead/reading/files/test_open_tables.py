import gzip
import os
from pathlib import Path

import pyarrow as pa
import pytest

from dayahead.errors import SourceRefused, SourceUnavailable
from tests.dayahead.reading.files.building import HEADER, records_of

TEXT = HEADER + "".join(f"2024-01-01T00:00Z,m1,{number},ok\n" for number in range(2000))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.zst", "a.xlsx", "a.parquet"])
def test_an_empty_file_is_waited_for(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(SourceUnavailable, match="is empty"):
        records_of(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.xlsx", "a.parquet"])
def test_a_missing_file_is_waited_for(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceUnavailable, match="does not exist"):
        records_of(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst"])
@pytest.mark.parametrize("kept", [0.2, 0.9])
def test_a_truncated_compressed_file_is_waited_for(tmp_path: Path, name: str, kept: float) -> None:
    data = gzip.compress(TEXT.encode()) if name.endswith("gz") else pa.compress(TEXT.encode(), "zstd", asbytes=True)
    (tmp_path / name).write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(SourceUnavailable, match="may still be being written"):
        records_of(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst", "a.parquet"])
def test_bytes_of_another_format_are_no_traceback(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TEXT)
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        records_of(tmp_path / name)


def test_half_a_character_of_16_bits_at_the_end_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(TEXT.encode("utf-16")[:-1])
    with pytest.raises(SourceUnavailable, match="may still be being written"):
        records_of(tmp_path / "a.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TEXT)
    (tmp_path / "a.csv").chmod(0)
    with pytest.raises(SourceRefused, match="Permission denied"):
        records_of(tmp_path / "a.csv")
