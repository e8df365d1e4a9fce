"""Prints how far peers' answers to windows lie from their own `fit` and `predict` at the end of training, as a share.

Run by the environment that has the peers.
"""

import numpy as np

from benchmarks import accuracy_protocols
from benchmarks.peers.mlforecast_peers import VariantPeer
from dayahead.features.calendar import Calendar
from dayahead.models.history import History
from dayahead.models.serving.window import WINDOW_HOURS, WindowBatch


def distance(name: str, training: History) -> float:
    """The largest one of a variant."""
    series = np.arange(len(training.series_ids))
    origin = np.full(len(series), training.end - 1)
    peer, worst = VariantPeer(name), 0.0
    peer.fit(training)
    # before the windows, which the package would otherwise keep in place of the series
    as_user = peer._model.predict(24)["lightgbm"].to_numpy().reshape(len(series), 24)
    # the last ones first: a peer that takes windows for its series would answer the second part wrongly
    for part in np.array_split(series, 2)[::-1]:
        windows = WindowBatch(training.windows(part, origin[part]), origin[part], training.calendars[0])
        away = np.abs(peer.forecast(part, windows).p50 - as_user[part]) / np.abs(as_user[part])
        worst = max(worst, float(np.max(away)))
    return worst


def growing() -> History:
    """Two series, one after its first month, that vary more from month to month: each window has another scale."""
    hours = np.arange(3 * WINDOW_HOURS)
    noise = np.random.default_rng(1).normal(0, 1, (2, len(hours)))
    values = 100 + np.array([[1.0], [3.0]]) * (np.sin(2 * np.pi * hours / 24) + noise) * hours / len(hours)
    values[1, :WINDOW_HOURS] = np.nan
    return History(("A", "B"), 0, values, (Calendar("UTC"),))


print(max(distance("mlforecast L2", accuracy_protocols.de35().training), distance("mlforecast L1 scaled", growing())))
