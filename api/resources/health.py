"""`/health/live` and `/health/ready`: whether the API runs, and whether it can answer."""

from typing import Annotated

import psycopg
from fastapi import Response
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, Field

from api.backends import Backends, Use
from api.edge.route import resource
from api.hearing import ReaderState
from dayahead.storage.database import describe
from dayahead.storage.tables.source import check_readable

router = resource("/health", "health")

WELL = (ReaderState.STARTING, ReaderState.READING)


class Check(BaseModel):
    """The state of one server."""

    server: str
    ok: bool
    needed: bool = Field(description="Whether the API needs it to answer")
    reason: str = Field(description="The state in a sentence")


class Health(BaseModel):
    """The health of the API."""

    ok: bool
    reason: str = Field(description="The state in a sentence")
    checks: Annotated[list[Check], Field(description="By server")] = []


@router.get("/live", summary="Does the API run?")
def live() -> Health:
    """200 while the process answers: a restart would not fix an unavailable server."""
    return Health(ok=True, reason="the API answers")


@router.get("/ready", summary="Can the API answer?", responses={503: {"model": Health}})
def ready(use: Use, response: Response) -> Health:
    """503 while TimescaleDB is unavailable.

    Without Redis the API answers from TimescaleDB, slower, and stays ready. It also stays ready, with a reason, if the
    stream of forecasts cannot be read from Kafka.
    """
    checks = check_servers(use)
    ok = all(check.ok for check in checks if check.needed)
    if not ok:
        response.status_code = 503
    ill = [check.reason for check in checks if not check.ok]
    return Health(ok=ok, reason="; ".join(ill) or "TimescaleDB, Redis and Kafka answer", checks=checks)


def check_servers(use: Backends) -> list[Check]:
    """The state of the servers that forecasts are read from."""
    try:
        with use.database.connection() as connection:
            check_readable(connection)
        database = Check(server="TimescaleDB", ok=True, needed=True, reason="TimescaleDB answers")
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege) as error:
        reason = (
            f"TimescaleDB answers, but its tables are not ready ({str(error).splitlines()[0]}): run dayahead migrate"
        )
        database = Check(server="TimescaleDB", ok=False, needed=True, reason=reason)
    except (psycopg.Error, PoolTimeout):
        where = describe(use.settings.database_url)
        database = Check(server="TimescaleDB", ok=False, needed=True, reason=f"TimescaleDB at {where} is away")
    trouble = use.forecasts.trouble()
    stream = use.feed.status
    return [
        database,
        Check(server="Redis", ok=trouble is None, needed=False, reason=trouble or "Redis answers"),
        Check(server="Kafka", ok=stream.state in WELL, needed=False, reason=stream.detail),
    ]
