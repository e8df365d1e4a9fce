"""Every line of a service is one JSON object, also those of libraries, and repeated lines are limited.

Four kinds of writers, one form: our own events (structlog), libraries that use `logging` (faust, aiokafka, librdkafka
through its logger, kafka-python, uvicorn, warnings), whatever prints to standard output or error, and exceptions that
nothing caught.
"""

import io
import logging
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from prometheus_client import Counter
from structlog.typing import EventDict

from dayahead.tracing.spans import add_ids

SUPPRESSED = Counter(
    "dayahead_log_lines_suppressed_total",
    "Lines of the log that were left out since the same was said again and again",
    ["level"],
)

WINDOW_S = 60.0
OURS, OTHERS = 30, 3
"""Lines of a kind that are written in a window: an event of ours may be about as many partitions, each once."""
NAMES = ("server", "source", "task", "text", "topic")
"""Fields of our events whose values make a kind of their own; with the text of each printed line, since the lines of a
traceback belong together. Numbers in a text make none."""
DIGITS = re.compile(r"0x[0-9a-fA-F]+|\d+(\.\d+)?")
KIND_LENGTH = 80
MOST_KINDS = 1_000
NEVER_LEFT_OUT = ("critical",)


@dataclass
class _Window:
    """Lines of one kind.

    Attributes:
        began: when, on the monotonic clock.
        written: lines since.
        left_out: lines since the last one that was written.
    """

    began: float
    written: int = 0
    left_out: int = 0


class RepeatedLines:
    """Limits repeated lines: writes some of a kind in each window; the next line says how many were dropped.

    Args:
        monotonic: seconds that only grow.
        window_s: seconds of a window.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, window_s: float = WINDOW_S) -> None:
        self._monotonic, self._window_s = monotonic, window_s
        self._windows: dict[tuple[str, ...], _Window] = {}
        self._lock = threading.Lock()

    def pass_on(self, kind: tuple[str, ...], at_most: int, level: str) -> int | None:
        """Decide whether to write a line.

        Args:
            kind: what lines of a kind have in common.
            at_most: lines of the kind in a window.
            level: of the line; critical ones are always written.

        Returns:
            Number of lines of its kind that were dropped before it; None where it is dropped too.
        """
        now = self._monotonic()
        with self._lock:
            if len(self._windows) >= MOST_KINDS:
                self._forget(now)
            window = self._windows.get(kind)
            if window is None or now - window.began >= self._window_s:
                window = self._windows[kind] = _Window(now, left_out=window.left_out if window else 0)
            if window.written >= at_most and level not in NEVER_LEFT_OUT:
                window.left_out += 1
                SUPPRESSED.labels(level).inc()
                return None
            window.written += 1
            left_out, window.left_out = window.left_out, 0
            return left_out

    @property
    def kinds(self) -> int:
        """Number of kinds of lines in memory."""
        return len(self._windows)

    def _forget(self, now: float) -> None:
        """Remove kinds whose window has passed; all kinds, where that is not enough."""
        kept = {kind: window for kind, window in self._windows.items() if now - window.began < self._window_s}
        self._windows = kept if len(kept) < MOST_KINDS // 2 else {}


_repeated = RepeatedLines()


def leave_out_repeated(_: object, level: str, event: EventDict) -> EventDict:
    """Process an event of structlog: pass it on, or raise `structlog.DropEvent`."""
    named = [(name, str(value)) for name, value in sorted(event.items()) if name in NAMES]
    names = [DIGITS.sub("#", value) if name == "text" else value for name, value in named]
    left_out = _repeated.pass_on((level, str(event.get("event")), *names), OURS, level)
    if left_out is None:
        raise structlog.DropEvent
    if left_out:
        event["suppressed"] = left_out
    return event


class NamesService:
    """Processor of structlog: the name of the service in every line, also of threads that others start."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _: object, __: str, event: EventDict) -> EventDict:
        """Add the name where a context has not set another."""
        event.setdefault("service", self._service)
        return event


def render(event: object, default: Callable[[object], object], **_: object) -> str:
    """Encode an event as JSON, whatever it contains."""

    def as_text(value: object) -> object:
        try:
            return default(value)
        except TypeError:
            return repr(value)

    return orjson.dumps(event, default=as_text, option=orjson.OPT_NON_STR_KEYS).decode()


class _LibraryFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        said = str(record.msg) if record.args else DIGITS.sub("#", str(record.msg))
        kind = (record.name.split(".")[0], record.levelname, said[:KIND_LENGTH])
        left_out = _repeated.pass_on(kind, OTHERS, record.levelname.lower())
        record.suppressed = left_out
        return left_out is not None


class _LibraryFormatter(logging.Formatter):
    """Convert a record of a library to an event with the name of its logger."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # its arguments do not fit its text
            text = f"{record.msg!r} {record.args!r}"
        line: EventDict = {
            "event": "library_log",
            "logger": record.name,
            "message": text,
            "service": self._service,
            "level": record.levelname.lower(),
            "timestamp": structlog.processors.TimeStamper(fmt="iso", utc=True)(None, "", {})["timestamp"],
        }
        add_ids(None, "", line)
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        if suppressed := getattr(record, "suppressed", 0):
            line["suppressed"] = suppressed
        return render(line, str)


def handler(service: str, stream: TextIO) -> logging.Handler:
    """Writes what libraries log as JSON lines."""
    made = logging.StreamHandler(stream)
    made.addFilter(_LibraryFilter())
    made.setFormatter(_LibraryFormatter(service))
    return made


class PrintedLines(io.TextIOBase):
    """Replaces standard output or error: each printed line becomes an event.

    Args:
        instead_of: the stream that it replaces; JSON lines go there.
    """

    def __init__(self, instead_of: TextIO) -> None:
        super().__init__()
        self.instead_of = instead_of
        self._log = structlog.get_logger()
        self._rest = threading.local()

    def write(self, text: str) -> int:
        """Write text; complete lines become events."""
        *lines, self._rest.text = (getattr(self._rest, "text", "") + text).split("\n")
        for line in lines:
            if line.strip():
                self._log.warning("printed", text=line.rstrip())
        return len(text)

    def flush(self) -> None:
        """Do nothing: only incomplete lines are buffered."""

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return False, so that no writer adds colours."""
        return False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return the encoding of the stream."""
        return self.instead_of.encoding

    def fileno(self) -> int:
        """Return the descriptor of the stream, for code that needs one (faulthandler)."""
        return self.instead_of.fileno()


def under(stream: TextIO) -> TextIO:
    """The stream itself, also where `PrintedLines` stands in for it."""
    return stream.instead_of if isinstance(stream, PrintedLines) else stream


def log_uncaught() -> None:
    """Log exceptions that nothing caught, in the main thread, in others, and where nothing could be raised."""
    log = structlog.get_logger()

    def main_thread(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.critical("uncaught_exception", exc_info=(kind, error, trace))

    def other_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            name = arguments.thread.name if arguments.thread else None
            log.critical("uncaught_exception", thread=name, exc_info=arguments.exc_value)

    def unraisable(arguments: Any) -> None:
        log.error("unraisable_exception", where=repr(arguments.object)[:200], exc_info=arguments.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = main_thread, other_thread, unraisable
