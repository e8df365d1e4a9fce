"""How `dayahead up` uses the shipped sample: which part is history, which is replayed, and how fast."""

from pathlib import Path

from dayahead.hours import Hour
from dayahead.reading.hour_text import hour_of
from deploy.local.places import CHECKOUT

SOURCE = CHECKOUT / "ingest" / "sources" / "consumption-de35-hour.yaml"
DATA = CHECKOUT / "ingest" / "sample" / "ConsumptionDE35Hour.parquet"

FIRST_HOUR = "2022-12-21T16"
# Four weeks are history: training data of the first model. The other six days are replayed.
FIRST_REPLAYED_HOUR = "2023-01-18T23"
# Three of those days are replayed fast, so that forecasts mature and their accuracy is known when `up` returns.
FAST_HOURS = 72
# Not longer than the poll interval of the source, so that each poll finds the next hour.
FAST_SECONDS_PER_HOUR = 0.25
SECONDS_PER_HOUR = 5.0


def first_replayed_hour() -> Hour:
    """The first hour that is replayed."""
    return hour_of(FIRST_REPLAYED_HOUR, "the first replayed hour")


def last_fast_hour() -> Hour:
    """The last hour of the fast days: a forecast that starts from it finds the forecasts of a day and more scored."""
    return first_replayed_hour() + FAST_HOURS - 1


def backfill_arguments() -> list[str]:
    """Arguments of `dayahead` to publish the history of the sample."""
    return [
        "backfill",
        f"--source={SOURCE}",
        f"--data={DATA}",
        f"--from={FIRST_HOUR}",
        f"--to={FIRST_REPLAYED_HOUR}",
        "--resume",
    ]


def replay_arguments(port: int, state: Path) -> list[str]:
    """Arguments of `dayahead` to publish the other hours one by one.

    Args:
        port: to listen on.
        state: file that stores the hour reached, so that a restart continues there.
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
