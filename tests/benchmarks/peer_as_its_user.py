"""Prints how far a peer's answers to windows lie from its own `fit` and `predict` at the end of training, as a share.

Run by the environment that has the peers.
"""

import accuracy_protocols
import numpy as np
from peers.mlforecast_peers import VariantPeer

from dayahead.models.window import WindowBatch

protocol = accuracy_protocols.de35()
training = protocol.training
series = np.arange(len(training.series_ids))
origin = np.full(len(series), training.end - 1)
peer = VariantPeer("mlforecast L2")
peer.fit(training)
windows = WindowBatch(protocol.history.windows(series, origin), origin, training.calendars[0])
asked = peer.forecast(series, windows).p50
as_user = peer._model.predict(24)["lightgbm"].to_numpy().reshape(len(series), 24)
print(float(np.max(np.abs(asked - as_user) / np.abs(as_user))))
