import gzip
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest

from dayahead.errors import SourceRefused, SourceUnavailable
from dayahead.reading.files.text_blocks import text_blocks

TEXT = "time;meter;Mængde\n2024-01-01;Ærø;1\n2024-01-02;Ærø;2\n"


def read(path: Path, encoding: str = "auto", block_bytes: int = 1 << 20) -> str:
    return b"".join(block.data for block in text_blocks(path, encoding, block_bytes)).decode()


@pytest.mark.parametrize("block_bytes", [7, 20, 1 << 20])
@pytest.mark.parametrize("written", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_an_encoding_is_recognized(tmp_path: Path, written: str, block_bytes: int) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(TEXT.encode(written))
    assert read(file, block_bytes=100 + block_bytes).removeprefix("\ufeff") == TEXT


@pytest.mark.parametrize(
    ("written", "named"),
    [("utf-16-le", "utf-16"), ("utf-16-be", "utf-16"), ("iso-8859-1", "iso-8859-1"), ("windows-1252", "windows-1252")],
)
def test_an_encoding_that_the_source_names_is_used(tmp_path: Path, written: str, named: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(TEXT.encode(written))
    assert read(file, named) == TEXT


def test_one_damaged_byte_does_not_change_the_letters_of_other_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(TEXT.encode() + b"2024-01-03;\xc6r\xf8;3\n")
    assert read(file) == TEXT + "2024-01-03;Ærø;3\n"


def test_text_of_16_bits_without_a_mark_is_refused_with_the_setting_to_use(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(TEXT.encode("utf-16-le"))
    with pytest.raises(SourceRefused, match="set encoding: utf-16"):
        read(file)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("block_bytes", [16, 17, 18, 1 << 20])
def test_all_line_ends_are_read(tmp_path: Path, end: str, block_bytes: int) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(end.join(["time;meter;kWh", "2024;main;1", "2024;main;2"]).encode())
    assert read(file, block_bytes=block_bytes) == "time;meter;kWh\n2024;main;1\n2024;main;2"


def test_each_block_holds_whole_lines_and_knows_the_number_of_its_first(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    lines = [f"line {number}" for number in range(1, 101)]
    file.write_text("\n".join(lines))
    blocks = list(text_blocks(file, "auto", 50))
    assert len(blocks) > 5
    for block in blocks:
        assert block.data.decode().splitlines()[0] == f"line {block.first_line}"
        assert block.data.endswith(b"\n") is not block.is_last
    assert sum(block.line_count for block in blocks) == 100


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_compressed_file_is_read(tmp_path: Path, compression: Literal["gzip", "zstd"]) -> None:
    file = tmp_path / ("a.csv.gz" if compression == "gzip" else "a.CSV.ZST")
    with pa.output_stream(str(file), compression=compression) as stream:
        stream.write(TEXT.encode())
    assert read(file) == TEXT


def test_a_compressed_file_that_was_appended_to_is_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    file.write_bytes(gzip.compress(TEXT.encode()) + gzip.compress(b"2024-01-03;main;3\n"))
    assert read(file) == TEXT + "2024-01-03;main;3\n"


@pytest.mark.parametrize("body", [b"", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_file_that_is_empty_or_has_a_byte_order_mark_alone_is_waited_for(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(body)
    with pytest.raises(SourceUnavailable, match="is empty"):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("start", "remedy"),
    [(b"PK\x03\x04", r"\.xlsx"), (b"\x1f\x8b", r"\.gz"), (b"PAR1", r"\.parquet"), (b"\xd0\xcf\x11\xe0", "save it as")],
)
def test_another_format_under_the_name_of_a_text_file_is_refused_with_its_remedy(
    tmp_path: Path, start: bytes, remedy: str
) -> None:
    (tmp_path / "a.csv").write_bytes(start + bytes(100))
    with pytest.raises(SourceRefused, match=remedy):
        read(tmp_path / "a.csv")


def test_a_file_without_line_ends_is_refused_instead_of_read_into_memory(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 1000)
    with pytest.raises(SourceRefused, match="line of more than 100 bytes"):
        read(tmp_path / "a.csv", block_bytes=100)
