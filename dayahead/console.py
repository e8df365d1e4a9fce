"""Where commands print to: a terminal has a width, a pipe or a file has none."""

import sys

from rich.console import Console

UNBOUNDED = 1_000_000
"""Columns of an output that is no terminal: nothing is cut or wrapped there."""


def standard_output() -> Console:
    """Print to standard output: as wide as the terminal, or unbounded where a program reads it."""
    return Console() if sys.stdout.isatty() else Console(width=UNBOUNDED)
