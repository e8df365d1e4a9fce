"""Steps of a long command, each printed with its duration."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Steps:
    """Prints one line per step: with a spinner on a terminal, plain otherwise."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._begun = time.monotonic()

    @contextmanager
    def step(self, what: str) -> Iterator["Step"]:
        """Run a step; its line shows the outcome, also of a failure."""
        begun = time.monotonic()
        current = Step(what)
        mark = "[red]✗[/red]"
        try:
            with self.console.status(f"{what} …"):
                yield current
            mark = "[green]✓[/green]"
        finally:
            outcome = f": {current.outcome}" if current.outcome else ""
            self.console.print(f"{mark} {time.monotonic() - begun:6.1f} s  {what}{outcome}", highlight=False)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first step began."""
        return time.monotonic() - self._begun


class Step:
    """The outcome of a step."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.outcome = ""
