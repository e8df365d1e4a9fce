"""Features: one function each for training, live work, backtest and backfill."""

from dayahead.features.calendar import Calendar
from dayahead.features.snapshot import SNAPSHOT_NAMES

__all__ = ["SNAPSHOT_NAMES", "Calendar"]
