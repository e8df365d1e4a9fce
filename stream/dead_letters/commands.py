"""The commands `dayahead dead-letters …`: list, show and replay."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import psycopg

    from dayahead.dead_letter_box import DeadLetterBox, KeptLetter
    from dayahead.settings import ServiceSettings

# Heavy imports are inside the commands, so that `dayahead --help` starts fast.
# ruff: noqa: PLC0415

SHOWN_ON_TERMINAL = 120

dead_letters = typer.Typer(help="Rejected rows and messages: list, show, replay.", no_args_is_help=True)

Code = Annotated[str, typer.Option(help="Only those with this code, e.g. null_value")]
Source = Annotated[str, typer.Option(help="Only those of this source")]
Since = Annotated[str, typer.Option(help="Only those written at or after this moment, e.g. 2023-01-24T22:00:00Z")]


@dead_letters.command("list")
def list_dead_letters(
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Number of the newest letters to read")] = 50,
    code: Code = "",
    source: Source = "",
    since: Since = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the whole value")] = False,
) -> None:
    """Show the newest dead letters; one that was written twice is shown once."""
    import orjson
    from rich.markup import escape
    from rich.table import Table

    from dayahead.console import standard_output

    box, settings = _box()
    chosen = (one for one in box.scan(limit, since=_moment(since)) if _matches(one, code, source))
    rows = [["offset", "time", "stage", "code", "source", "reason", "value", "replayed"]]
    bound = SHOWN_ON_TERMINAL if sys.stdout.isatty() else None
    with _marks(settings) as marks:
        for letter, replayed in _with_replays(chosen, marks, box.topic):
            if as_json:
                line = {**letter.fields(), "replayed_at": _utc(replayed), **letter.value_fields()}
                sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
                continue
            about = [letter.headers.get(name, "") for name in ("time", "stage", "code", "source", "reason")]
            value = letter.value[:bound].decode(errors="replace")
            rows.append([_on_one_line(cell) for cell in (str(letter.offset), *about, value, _utc(replayed) or "")])
    if as_json:
        return
    if len(rows) == 1:
        typer.echo("No dead letters.")
    elif bound is None:  # separated by tabs: a table would pad every line to the longest value
        typer.echo("\n".join(map("\t".join, rows)))
    else:
        table = Table(*rows[0])
        for row in rows[1:]:
            table.add_row(*map(escape, row))
        standard_output().print(table)


def _on_one_line(text: str) -> str:
    return text.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


@dead_letters.command()
def show(
    offset: Annotated[int, typer.Argument(min=0, help="Offset of the dead letter, as `list` shows it")],
    raw: Annotated[bool, typer.Option("--raw", help="Only the value, byte for byte, for a file to correct")] = False,
) -> None:
    """Show one dead letter with its whole value, the reason and the remedy."""
    box, settings = _box()
    letter = box.at(offset)
    if raw:
        sys.stdout.buffer.write(letter.value)
        return
    with _marks(settings) as marks:
        ((_, replayed),) = _with_replays([letter], marks, box.topic)
    fields = {**letter.fields(), "replayed_at": _utc(replayed) or "no"}
    for name, value in {**fields, **letter.value_fields()}.items():
        typer.echo(f"{name}: {value}")


@dead_letters.command()
def replay(
    offsets: Annotated[list[int] | None, typer.Argument(help="Offsets of dead letters, as `list` shows them")] = None,
    offset: Annotated[int | None, typer.Option(min=0, help="Offset of one dead letter")] = None,
    corrected: Annotated[
        Path | None,
        typer.Option("--with", exists=True, dir_okay=False, help="File with the corrected message of the one letter"),
    ] = None,
    code: Code = "",
    source: Source = "",
    since: Since = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be put back, and send nothing")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also those that were put back before")] = False,
) -> None:
    """Put dead letters back into `observations` after a check: by offset, or all of a code, a source or a time.

    Each has its result on a separate line; exit code 1 where one could not be put back.
    """
    from dayahead.errors import SettingsError
    from dayahead.storage.database import connect

    named = [*(offsets or ()), *(() if offset is None else (offset,))]
    if bool(named) == bool(code or source or since):
        raise SettingsError("name dead letters by their offsets, or choose them by --code, --source or --since")
    if corrected is not None and len(named) != 1:
        raise SettingsError("--with needs the offset of exactly one dead letter")
    box, settings = _box()
    chosen: Iterable[KeptLetter] = (box.at(one) for one in named)
    if not named:
        chosen = (one for one in box.scan(since=_moment(since)) if _matches(one, code, source))
    counts = Counter[str]()
    with closing(connect(settings.database_url, autocommit=True)) as marks:
        content = None if corrected is None else corrected.read_bytes()
        send = _sender(settings, marks, box.topic, content, dry_run=dry_run)
        for letter, replayed in _with_replays(chosen, marks, box.topic):
            if replayed is not None and not again:
                outcome, result = "skipped", f"put back at {_utc(replayed)}, skipped; --again puts it back once more"
            else:
                done, result = send(letter)
                outcome = "put back" if done else "refused"
            counts[outcome] += 1
            typer.echo(f"{letter.offset} {letter.code}: {result}")
    total = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("put back", "refused", "skipped"))
    typer.echo(f"{'dry run, nothing was sent: ' if dry_run else ''}{total}")
    if counts["refused"]:
        raise typer.Exit(1)


def _sender(
    settings: "ServiceSettings",
    connection: "psycopg.Connection",
    topic: str,
    corrected: bytes | None,
    *,
    dry_run: bool,
) -> "Callable[[KeptLetter], tuple[bool, str]]":
    """Make the function that replays one letter, and returns whether it succeeded and a message."""
    from dayahead.errors import ReplayRefused
    from dayahead.hours import wall_clock
    from dayahead.storage.tables.dead_letter_replay import mark_replayed
    from dayahead.storage.tables.source import load_references, load_sources
    from stream.dead_letters.replay import Replayer, partition_of_weather

    replayer = Replayer(
        settings.kafka_bootstrap,
        settings.topic_prefix,
        load_sources(connection),
        wall_clock,
        load_references(connection).keys(),
    )

    def send(letter: "KeptLetter") -> tuple[bool, str]:
        try:
            message = replayer.check(letter, corrected)
        except ReplayRefused as error:
            return False, f"refused: {error}"
        count = len(message.series_ids)
        rows = f"{count} row{'s' if count != 1 else ''}"
        if message.weather is not None:
            rows = f"weather of {message.weather.values[0].location}"
        if dry_run:
            return True, f"{rows} would be put back"
        count = replayer.put_back(message, partition_of_weather(letter, corrected))
        place = (letter.offset, letter.written_at)
        mark_replayed(connection, topic, place, wall_clock(), count, replaced=corrected is not None)
        return True, f"{rows} put back into observations"

    return send


def _box() -> "tuple[DeadLetterBox, ServiceSettings]":
    from dayahead.dead_letter_box import DeadLetterBox
    from dayahead.settings import ServiceSettings, load_settings

    settings = load_settings(ServiceSettings)
    return DeadLetterBox(settings.kafka_bootstrap, settings.topic_prefix), settings


def _utc(moment: datetime | None) -> str | None:
    from dayahead.hours import format_utc

    return None if moment is None else format_utc(moment)


def _matches(letter: "KeptLetter", code: str, source: str) -> bool:
    return (not code or letter.code == code) and (not source or letter.headers.get("source") == source)


def _moment(text: str) -> datetime | None:
    from dayahead.errors import SettingsError
    from dayahead.hours import parse_utc

    if not text:
        return None
    try:
        return parse_utc(text)
    except (ValueError, OverflowError) as error:
        raise SettingsError(f"--since {text!r}: {error}") from error


def _with_replays(
    letters: "Iterable[KeptLetter]", connection: "psycopg.Connection | None", topic: str
) -> "Iterator[tuple[KeptLetter, datetime | None]]":
    """Yield letters, and when each was replayed, as far as that is known."""
    from dayahead.storage.tables.dead_letter_replay import replayed_at

    for letter in letters:
        place = (letter.offset, letter.written_at)
        known = {} if connection is None else replayed_at(connection, topic, [place])
        yield letter, known.get(letter.offset)


@contextmanager
def _marks(settings: "ServiceSettings") -> "Iterator[psycopg.Connection | None]":
    """Open TimescaleDB, which records what was replayed; None where it is unreachable."""
    from dayahead.errors import StorageError
    from dayahead.storage.database import connect

    try:
        connection = connect(settings.database_url, wait_s=0, autocommit=True)
    except StorageError as error:
        typer.echo(f"Which letters were put back is unknown: {error}", err=True)
        yield None
        return
    with closing(connection):
        yield connection
