"""`dayahead models …`: lists releases and changes the champion."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from rich.table import Table

from dayahead.console import standard_output
from dayahead.contracts import ReleaseAnnouncement
from dayahead.errors import BrokerUnavailable, ReleaseError
from dayahead.hours import format_utc, wall_clock
from dayahead.settings import ServiceSettings, load_settings
from dayahead.storage.database import connect
from dayahead.storage.tables.model_release import list_releases, load_record
from dayahead.storage.tables.promotion import Champion, champion, promote, roll_back
from dayahead.storage.tables.training_quarantine import load_quarantine
from dayahead.storage.tables.tuning_run import runs_of_release
from trainer.gate import GateCheck
from trainer.messages import Announcer
from trainer.report import checks_table, percent, releases_table

BY_COMMAND = "command"
OF_LATER_DAY = re.compile(r"day_(\d+)_")


def list_releases_table(limit: int) -> None:
    """Print the newest releases."""
    settings = load_settings(ServiceSettings)
    with connect(settings.database_url) as connection:
        records, serving = list_releases(connection, limit), champion(connection)
    console = standard_output()
    if not records:
        console.print("There is no release yet: run `dayahead train`, or wait for the trainer's first one.")
        return
    console.print(releases_table(records, serving))


def show_release(release: str | None) -> None:
    """Print a release; None for the champion.

    Raises:
        ReleaseError: there is no such release, or no champion.
    """
    settings = load_settings(ServiceSettings)
    with connect(settings.database_url) as connection:
        serving = champion(connection)
        if release is None:
            if serving is None:
                raise ReleaseError("there is no champion yet: name a release, see `dayahead models list`")
            release = serving.release
        record = load_record(connection, release)
        runs = runs_of_release(connection, release)
        quarantined = load_quarantine(connection, runs[0].tuning_run_key) if runs else []
    console = standard_output()
    facts = Table(title=release, show_header=False)
    facts.add_row("serves", _service(release, serving))
    facts.add_row("created", format_utc(record.created_at))
    facts.add_row("trained on", f"{format_utc(record.trained_from)} to {format_utc(record.trained_until)}")
    facts.add_row("data fingerprint", record.data_fingerprint)
    facts.add_row("size", f"{record.artifact_bytes:,} bytes")
    for name in sorted(name for name in record.metrics if not OF_LATER_DAY.match(name)):
        shown = str(record.metrics[name]) if name == "windows" else percent(record.metrics, name)
        facts.add_row(f"held out: {name}", shown)
    for day in sorted({int(found[1]) for name in record.metrics if (found := OF_LATER_DAY.match(name))}):
        facts.add_row(f"held out: day {day} of the horizon", _later_day(record.metrics, day))
    facts.add_row("settings", ", ".join(f"{name}: {value}" for name, value in record.settings.items()))
    console.print(facts)
    for run in runs:
        console.print(
            f"Run {run.tuning_run_key} at {format_utc(run.started_at)}, requested by {run.requested_by} "
            f"({run.reason}): "
            f"{run.outcome}. {run.details.get('reason', '')}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        console.print(checks_table(GateCheck(**check) for check in run.details.get("checks", [])))
    for aside in quarantined:
        console.print(f"  excluded: {aside.series_id}, {aside.hours} h, {aside.rule}: {aside.reason}", markup=False)


def promote_release(release: str, reason: str) -> None:
    """Make a release the champion.

    Raises:
        ReleaseError: there is no such release, or it is the champion already.
    """
    _change(lambda connection: promote(connection, release, BY_COMMAND, reason, wall_clock()))


def roll_back_release(reason: str) -> None:
    """Return to the previous champion.

    Raises:
        ReleaseError: there is no previous champion.
    """
    _change(lambda connection: roll_back(connection, reason, wall_clock()))


def _change(change: Callable[[psycopg.Connection], ReleaseAnnouncement]) -> None:
    settings = load_settings(ServiceSettings)
    with connect(settings.database_url) as connection:
        announcement = change(connection)
        record = load_record(connection, announcement.release)
    console = standard_output()
    console.print(
        f"[bold]{announcement.release}[/bold] is the champion now, before it was "
        f"{announcement.previous or 'none'}. Its data end at {format_utc(record.trained_until)}; "
        f"its WAPE was {percent(record.metrics, 'wape')} on held-out hours. Workers load it within seconds.",
        highlight=False,
        soft_wrap=True,
    )
    announcer = Announcer(settings.kafka_bootstrap, settings.topic_prefix)
    try:
        announcer.announce(announcement)
    except BrokerUnavailable as error:
        console.print(f"Not announced yet: {error}", style="yellow", markup=False, soft_wrap=True)
    finally:
        announcer.close()


def _later_day(metrics: Mapping[str, Any], day: int) -> str:
    figures = f"WAPE {percent(metrics, f'day_{day}_wape')}, naive {percent(metrics, f'day_{day}_naive_wape')}"
    by_model = metrics.get(f"day_{day}_by_model")
    return f"{figures}: {'the model' if by_model else 'the profile'} forecasts it"


def _service(release: str, serving: Champion | None) -> str:
    if serving is None:
        return "no, none does"
    return f"yes: {serving.reason}" if serving.release == release else f"no, {serving.release} does"
