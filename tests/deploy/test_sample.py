from pathlib import Path

import pyarrow.parquet
import yaml

from dayahead.hours import parse_utc
from deploy.local import sample
from deploy.local.places import CHECKOUT


def numbers(arguments: list[str]) -> set[str]:
    """Options whose values say how the sample is replayed, without paths and ports, which differ by place."""
    named = [argument for argument in arguments if argument.startswith("--")]
    return {
        argument
        for argument in named
        if argument.split("=")[0] not in ("--source", "--data", "--state", "--port", "--host")
    }


def test_containers_and_the_local_stack_replay_the_same_hours_at_the_same_pace() -> None:
    services = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    assert numbers(services["backfill"]["command"]) == numbers(sample.backfill_arguments())
    assert numbers(services["replay"]["command"]) == numbers(sample.replay_arguments(8130, Path("state.json")))


def test_history_and_replay_share_the_hours_of_the_sample_and_the_fast_days_let_forecasts_mature() -> None:
    hours = sorted(set(pyarrow.parquet.read_table(sample.DATA, columns=["HourUTC"])["HourUTC"].to_pylist()))
    assert hours[0] == f"{sample.FIRST_HOUR}:00:00"
    first, last = parse_utc(f"{sample.FIRST_REPLAYED_HOUR}:00Z"), parse_utc(f"{hours[-1]}Z")
    replayed = int((last - first).total_seconds()) // 3600 + 1
    assert 24 < sample.FAST_HOURS < replayed
    assert sample.FAST_ORIGINS_SCORED > 0
