"""The peers by name; a library is imported only when one of its methods is asked for."""

from importlib import import_module

from accuracy_methods import Method

MODULES = {
    "mlforecast": "peers.mlforecast_peers",
    "mlforecast L1": "peers.mlforecast_peers",
    "mlforecast L1 scaled": "peers.mlforecast_peers",
    "mlforecast L2": "peers.mlforecast_peers",
    "mlforecast L2 scaled": "peers.mlforecast_peers",
    "AutoLightGBM": "peers.mlforecast_peers",
    "statsforecast Theta": "peers.statsforecast_peers",
    "statsforecast MSTL": "peers.statsforecast_peers",
    "statsforecast AutoETS": "peers.statsforecast_peers",
}


def make_peer(name: str, limit_s: float) -> Method:
    """A peer, not yet fitted.

    Args:
        name: of `MODULES`.
        limit_s: seconds that it may take on a protocol; a peer that searches stops searching in time.
    """
    peer: Method = import_module(MODULES[name]).make(name, limit_s)
    return peer
