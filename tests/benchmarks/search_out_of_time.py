"""Prints the name of a search for ten trials whose clock says that its time is over after two.

Run by the environment that has the peers.
"""

from itertools import count

from benchmarks import accuracy_protocols
from benchmarks.peers.mlforecast_peers import AutoPeer

looks = count()
peer = AutoPeer("AutoLightGBM", trials=10, search_s=1.5, clock=lambda: float(next(looks)))
peer.fit(accuracy_protocols.de35().training)
print(peer.name)
