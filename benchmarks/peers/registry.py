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

WITH_WEATHER = {"mlforecast with weather": "benchmarks.peers.mlforecast_weather_peers"}
"""Those that need the weather of a protocol."""


def make_peer(name: str, limit_s: float) -> Method:
    """A peer, not yet fitted.

    Args:
        name: of `MODULES` or `WITH_WEATHER`.
        limit_s: seconds that it may take on a protocol; a peer that searches stops searching in time.
    """
    peer: Method = import_module((MODULES | WITH_WEATHER)[name]).make(name, limit_s)
    return peer
