import gzip
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


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst", "a.parquet", "a.xlsx"])
def test_text_under_the_name_of_another_format_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TEXT)
    with pytest.raises(SourceRefused, match=f"is not {Path(name).suffix} but of another format: name it"):
        records_of(tmp_path / name)


def test_the_format_that_a_file_really_has_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(gzip.compress(TEXT.encode()))
    with pytest.raises(SourceRefused, match=r"is not \.parquet but compressed with gzip: add \.gz"):
        records_of(tmp_path / "a.parquet")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"PK\x03\x04 and more"))
    with pytest.raises(SourceRefused, match="is not text but an Excel workbook"):
        records_of(tmp_path / "a.csv.gz")


@pytest.mark.parametrize("start", [bytes(4096), b"PA"])
def test_a_file_whose_content_is_still_to_be_written_is_waited_for(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(start)
    with pytest.raises(SourceUnavailable):
        records_of(tmp_path / "a.parquet")


def test_half_a_character_of_16_bits_at_the_end_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(TEXT.encode("utf-16")[:-1])
    with pytest.raises(SourceUnavailable, match="may still be being written"):
        records_of(tmp_path / "a.csv")


def test_a_file_that_the_system_does_not_open_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to(tmp_path / "a.csv")
    with pytest.raises(SourceRefused, match=r"a\.csv cannot be read: Too many levels of symbolic links"):
        records_of(tmp_path / "a.csv")
