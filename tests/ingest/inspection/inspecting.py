"""Files to inspect, and the command as a person runs it."""

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import typer
from typer.testing import CliRunner, Result

from dayahead.hours import wall_clock
from dayahead.reading.converter import convert_answer
from dayahead.reading.kinds.file import FileSource
from dayahead.reading.records import Row
from dayahead.reading.source_file import load_source
from ingest.commands import register


def run(*arguments: str | Path) -> Result:
    """Run `dayahead sources ...` without a terminal."""
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["sources", *map(str, arguments)])


def inspected(file: Path, *options: str) -> list[Row]:
    """The hours that the written source file reads from a file, in the order of the file."""
    written = file.with_suffix(".yaml")
    done = run("inspect", file, *options, "--write", written)
    assert done.exit_code == 0, done.output
    source = load_source(written)
    return convert_answer(FileSource(source).read(0, None), source, wall_clock()).rows


def asked(output: str) -> set[str]:
    """The options that an inspection asks for."""
    return set(re.findall(r"^  --([a-z-]+) ", output, re.MULTILINE))


def value_at(moment: datetime) -> float:
    """A consumption with a daily course."""
    return round(100 + 30 * math.sin(moment.hour / 24 * 2 * math.pi) + moment.day, 2)


def moments(start: str, days: int, minutes: int = 60, zone: str = "UTC") -> Iterator[datetime]:
    """The starts of the periods of some local days, as moments of UTC."""
    local = ZoneInfo(zone)
    first = datetime.fromisoformat(start).replace(tzinfo=local)
    moment, end = first.astimezone(UTC), (first + timedelta(days=days)).astimezone(UTC)
    while moment < end:
        yield moment
        moment += timedelta(minutes=minutes)


def write_csv(file: Path, header: str, lines: Iterator[str] | list[str]) -> Path:
    """Write a file of a header and lines."""
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return file
