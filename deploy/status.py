"""Collects and prints the output of `dayahead status`."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
from confluent_kafka import KafkaException
from rich.console import Console

from dayahead.errors import StackError
from dayahead.hours import wall_clock
from deploy.arrival import show_series
from deploy.local.assembly import Assembly
from deploy.local.stack import last_lines
from deploy.local.supervision import ENDS_WITHIN, log_file
from deploy.overview import read_lag, read_overview
from deploy.tables import RUNNING, ProcessRow, lag_sentence, processes_table


def process_rows(assembly: Assembly) -> list[ProcessRow]:
    """Every process of the stack, with its state in supervisord, its readiness, and whether it ended lately."""
    states, ends = assembly.stack.states(), assembly.stack.ends()
    services = {service.name: service for service in assembly.services}

    def row(name: str) -> ProcessRow:
        state = states.get(name)
        if state is None or state.state != RUNNING:
            named = state.state.lower() if state else "down"
            return ProcessRow(name, named, state.description if state else "", False, "")
        uptime = state.description.partition("uptime ")[2]
        if name not in services:
            return ProcessRow(name, "running", uptime, True, "")
        readiness = services[name].readiness()
        return ProcessRow(name, "running", uptime, readiness.ok, readiness.reason)

    names = [*(server.name for server in assembly.stack.servers), *services]
    return [_with_ends(row(name), ends.get(name, 0), log_file(assembly.stack.folder, name)) for name in names]


def _with_ends(row: ProcessRow, ends: int, log: Path) -> ProcessRow:
    """A process that ended by itself lately is named with that, and with its last log line unless it is ready."""
    if not ends:
        return row
    minutes = ENDS_WITHIN // timedelta(minutes=1)
    parts = [row.says, f"ended {ends} times in the last {minutes} min"]
    if not row.ready:
        parts.append(f"last log line: {last_lines(log, 1).strip()}")
    return replace(row, says="; ".join(part for part in parts if part))


def show_status(assembly: Assembly, console: Console) -> bool:
    """Print processes, lag, freshness, rungs and accuracy.

    Returns:
        Whether every process is running and ready.
    """
    if strays := assembly.stack.strays():
        console.print(
            f"supervisord was killed, and {len(strays)} of its processes still run with nothing to restart them: "
            f"{', '.join(strays)}. `make up` stops and starts them again, `make down` stops them."
        )
        return False
    if not assembly.stack.is_running():
        console.print("The stack is down: `make up` starts it.")
        return False
    rows = process_rows(assembly)
    console.print(processes_table(rows))
    show_data(console, assembly.stack.postgres.app_url(), assembly.stack.kafka.bootstrap)
    return all(row.ready for row in rows)


def show_data(console: Console, database_url: str, bootstrap: str) -> None:
    """Print lag, freshness, rungs and accuracy; for an unavailable server, a sentence instead.

    Args:
        console: where to print.
        database_url: postgresql:// URL.
        bootstrap: host:port of the Kafka broker.
    """
    try:
        console.print(lag_sentence(read_lag(database_url, bootstrap)), markup=False, highlight=False)
    except (psycopg.Error, StackError) as error:
        console.print(f"The lag is unknown: {str(error).strip()}", markup=False, highlight=False)
    except KafkaException as error:
        why = error.args[0].str()
        console.print(
            f"The lag is unknown: Kafka at {bootstrap} does not answer ({why})", markup=False, highlight=False
        )
    try:
        show_series(console, read_overview(database_url, wall_clock()))
    except psycopg.Error as error:
        console.print(f"The series are unknown: {str(error).strip()}", markup=False, highlight=False)
