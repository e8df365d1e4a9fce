"""Shows a person what reading a source gave."""

from collections.abc import Callable

from dayahead.hours import Hour, format_utc, from_hour
from dayahead.source import Source
from ingest.inspection.reading import ReadResult

Say = Callable[[str], object]

NAMES_SHOWN = 5
ROWS_SHOWN = 5
REASON_CHARACTERS = 300


def show_result(result: ReadResult, source: Source, say: Say) -> None:
    """Print series, range, gaps, what was rejected and the first hours.

    Args:
        result: of reading.
        source: what was read.
        say: prints a line.
    """
    hours = result.conversion.hours
    if result.first is None or result.last is None:
        say("read: no hour")
    else:
        names = result.names
        more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
        say(f"read: {len(hours):,} hours of {len(names):,} series: {', '.join(names[:NAMES_SHOWN])}{more}")
        say(f"range: {_hour(result.first)} to {_hour(result.last)}, at most {result.longest:,} hours a series")
        say(f"records: {' and '.join(f'{minutes} min' for minutes in result.conversion.periods)}")
    _show_losses(result, say)
    if len(hours):
        say(f"first hours ({source.unit}; each starts at the time that is shown):")
    for place in range(min(ROWS_SHOWN, len(hours))):
        name = hours.names[hours.series[place]]
        say(f"  {name}  {_hour(int(hours.hour[place]))}  {hours.value[place]:,.6g}")


def _show_losses(result: ReadResult, say: Say) -> None:
    conversion = result.conversion
    if result.gap is not None:
        gap = result.gap
        say(
            f"gaps: {counted(result.missing, 'hour')}; the longest is {counted(gap.last - gap.first + 1, 'hour')} of "
            f"{gap.series_id} from {_hour(gap.first)} on"
        )
    elif result.first is not None:
        say("gaps: none")
    say(f"rejected: {counted(len(conversion.rejections), 'record')}" if conversion.rejections else "rejected: none")
    for code, count, example in result.rejected:
        say(f"  {code}: {count:,}, the first: {example.reason[:REASON_CHARACTERS]}")
    for count, what in (
        (conversion.incomplete_hours, "incomplete hour"),
        (conversion.absent, "absent value (null_marks)"),
        (conversion.repeated, "repeated record"),
    ):
        if count:
            say(f"left out: {counted(count, what)}")


def _hour(hour: Hour) -> str:
    return format_utc(from_hour(hour))


def counted(count: int, what: str) -> str:
    """A number of things: 1 hour, 2 hours."""
    return f"{count:,} {what if count == 1 else what.replace(' (', 's (') if '(' in what else what + 's'}"
