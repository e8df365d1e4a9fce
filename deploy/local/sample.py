"""The run that `dayahead up` shows on the shipped sample: what is history, what is replayed, and how quickly."""

from pathlib import Path

from deploy.local.places import CHECKOUT

SOURCE = CHECKOUT / "ingest" / "sources" / "consumption-de35-hour.yaml"
DATA = CHECKOUT / "ingest" / "sample" / "ConsumptionDE35Hour.parquet"

FIRST_HOUR = "2022-12-21T16"
# Four weeks are history: the first model learns from them. The other six days are replayed.
FIRST_REPLAYED_HOUR = "2023-01-18T23"
# Three of those days go by quickly, so that forecasts mature and their accuracy is known when `up` returns.
FAST_HOURS = 72
# No more than the pause between two polls of the source: each poll finds the next hour, and none comes in vain.
FAST_SECONDS_PER_HOUR = 0.25
SECONDS_PER_HOUR = 5.0
# A forecast is scored when its 24 hours are known; the last of the fast hours may still be on its way.
FAST_ORIGINS_SCORED = FAST_HOURS - 24 - 1


def backfill_arguments() -> list[str]:
    """Of `dayahead`: publish the history of the sample."""
    return [
        "backfill",
        f"--source={SOURCE}",
        f"--data={DATA}",
        f"--from={FIRST_HOUR}",
        f"--to={FIRST_REPLAYED_HOUR}",
        "--resume",
    ]


def replay_arguments(port: int, state: Path) -> list[str]:
    """Of `dayahead`: publish the other hours one by one.

    Args:
        port: to listen on.
        state: file that remembers the hour reached, so that a restart goes on there.
    """
    return [
        "replay",
        f"--source={SOURCE}",
        f"--data={DATA}",
        f"--from={FIRST_REPLAYED_HOUR}",
        f"--fast-hours={FAST_HOURS}",
        f"--fast-seconds-per-hour={FAST_SECONDS_PER_HOUR}",
        f"--seconds-per-hour={SECONDS_PER_HOUR}",
        "--wait-for-poll",
        f"--state={state}",
        f"--port={port}",
    ]
