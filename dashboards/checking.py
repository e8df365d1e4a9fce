"""Runs the query of every panel on the real servers, as Grafana does, and checks that it returns data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import psycopg
from pydantic import SecretStr

from dashboards.queries import Engine, PanelQuery, generated_dashboards, panel_queries
from dayahead.storage.database import connect

RANGE_S = 15 * 60
STEP_S = 15
# Grafana's $__rate_interval is at least four scrapes.
RATE_INTERVAL = "1m"
EVERY_TIME = "TIMESTAMPTZ '1970-01-01Z' AND TIMESTAMPTZ '2100-01-01Z'"


@dataclass(frozen=True)
class QueryResult:
    """The result of a query.

    Attributes:
        rows: rows, or series with a value; 0 is no data.
        error: the server's error message; empty if there is none.
    """

    query: PanelQuery
    rows: int
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the query works and returns data if it must."""
        return not self.error and (self.rows > 0 or self.query.may_be_empty)


def check_queries(prometheus_url: str, reader_database_url: SecretStr | str) -> list[QueryResult]:
    """Run every query of every dashboard over the last 15 minutes (SQL: over all time).

    Args:
        prometheus_url: of the Prometheus that scrapes the service.
        reader_database_url: TimescaleDB with Grafana's role (dayahead_reader).

    Returns:
        A result for each query, in the order of `panel_queries()`.
    """
    results = []
    with connect(reader_database_url, autocommit=True) as connection, httpx.Client(base_url=prometheus_url) as client:
        values = _values_of_variables(connection)
        now = float(client.get("/api/v1/query", params={"query": "time()"}).json()["data"]["result"][1])
        for query in panel_queries():
            text = _filled(query.text, values[query.dashboard])
            if query.engine is Engine.PROMETHEUS:
                results.append(_ask_prometheus(client, query, text, now))
            else:
                results.append(_ask_database(connection, query, text))
    return results


def _values_of_variables(connection: psycopg.Connection) -> dict[str, dict[str, str]]:
    """A value for each template variable of each dashboard: the first of its query."""
    chosen: dict[str, dict[str, str]] = {}
    for dashboard in generated_dashboards():
        values: dict[str, str] = {}
        for choice in dashboard.choices():
            values[choice.name] = choice.default
            if choice.statement:
                row = connection.execute(_filled(choice.statement, values).encode()).fetchone()
                values[choice.name] = str(row[0]) if row else ""
        chosen[dashboard.uid] = values
    return chosen


def _filled(text: str, values: Mapping[str, str]) -> str:
    """The query with Grafana's macros and variables replaced."""
    text = re.sub(r"\$__timeFilter\(([^)]+)\)", rf"\1 BETWEEN {EVERY_TIME}", text)
    text = text.replace("$__rate_interval", RATE_INTERVAL)
    for name, value in values.items():
        text = re.sub(rf"\${name}\b", lambda _, value=value: value, text)  # type: ignore[misc]
    return text


def _ask_prometheus(client: httpx.Client, query: PanelQuery, text: str, now: float) -> QueryResult:
    parameters: dict[str, str | float] = {"query": text, "start": now - RANGE_S, "end": now, "step": STEP_S}
    answer = client.get("/api/v1/query_range", params=parameters).json()
    if answer["status"] != "success":
        return QueryResult(query, 0, answer["error"])
    numbers = [[value for _, value in series["values"] if value != "NaN"] for series in answer["data"]["result"]]
    return QueryResult(query, sum(bool(values) for values in numbers))


def _ask_database(connection: psycopg.Connection, query: PanelQuery, text: str) -> QueryResult:
    try:
        rows = connection.execute(text.encode()).fetchall()
    except psycopg.Error as error:
        return QueryResult(query, 0, str(error))
    return QueryResult(query, len(rows))
