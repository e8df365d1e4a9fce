"""Prints by how much AutoETS misses a day that repeats, at the worst of 24 origins in a row, as a share.

Run by the environment that has the peers.
"""

import numpy as np

from benchmarks.peers.statsforecast_peers import CarriedPeer
from dayahead.features.calendar import Calendar
from dayahead.models.history import History
from dayahead.models.serving.window import WindowBatch

hours = np.arange(1_100)
noise = np.random.default_rng(1).normal(1, 0.01, len(hours))
values = (10 + 5 * np.sin(2 * np.pi * hours / 24)) * noise
history = History(("A",), 0, values[None], (Calendar("UTC"),))
peer = CarriedPeer("statsforecast AutoETS", float("inf"))
peer.fit(history.until(1_000))
series, origin = np.zeros(24, np.int64), np.arange(1_000, 1_024)
made = peer.forecast(series, WindowBatch(history.windows(series, origin), origin, history.calendars[0]))
actual = history.targets(series, origin)
print(np.max(np.abs(made.p50 - actual).sum(axis=1) / actual.sum(axis=1)))
