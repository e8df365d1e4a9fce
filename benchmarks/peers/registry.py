"""The peers by name; a library is imported only when one of its methods is asked for."""

from importlib import import_module

from benchmarks.accuracy_methods import Method

MODULES = {
    "mlforecast": "benchmarks.peers.mlforecast_peers",
    "mlforecast L1": "benchmarks.peers.mlforecast_peers",
    "mlforecast L1 scaled": "benchmarks.peers.mlforecast_peers",
    "mlforecast L2": "benchmarks.peers.mlforecast_peers",
    "mlforecast L2 scaled": "benchmarks.peers.mlforecast_peers",
    "AutoLightGBM": "benchmarks.peers.mlforecast_peers",
    "statsforecast Theta": "benchmarks.peers.statsforecast_peers",
    "statsforecast MSTL": "benchmarks.peers.statsforecast_peers",
    "statsforecast AutoETS": "benchmarks.peers.statsforecast_peers",
}


def make_peer(name: str, limit_s: float) -> Method:
    """A peer, not yet fitted.

    Args:
        name: of `MODULES`.
        limit_s: seconds that it may take on a protocol; a peer that searches stops searching in time.
    """
    peer: Method = import_module(MODULES[name]).make(name, limit_s)
    return peer
