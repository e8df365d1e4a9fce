"""The bare application that `benchmarks/api.py` compares with: FastAPI, one route, the bytes that Redis holds.

Run by the benchmark: `python -m benchmarks.bare_api PORT REDIS_URL async|sync`. It does what a competent user would
write for this one job, in both forms that FastAPI offers, under the same settings of uvicorn as the service: no ETag,
no metrics, no check of the request.
"""

import sys
from typing import Any

import redis
import redis.asyncio
import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import Response

from api.commands import SERVER_OPTIONS
from dayahead.listening import listening_socket
from dayahead.storage.forecast_cache import forecast_key


def asynchronous(url: str) -> FastAPI:
    """The application with an asynchronous client."""
    app = FastAPI()
    client = redis.asyncio.Redis.from_url(url)

    @app.get("/v1/forecasts/{series_id:path}")
    async def forecast(series_id: str) -> Response:
        return _answer(await client.get(forecast_key(series_id)))

    return app


def synchronous(url: str) -> FastAPI:
    """The application with a synchronous client, in FastAPI's threads."""
    app = FastAPI()
    client = redis.Redis.from_url(url)

    @app.get("/v1/forecasts/{series_id:path}")
    def forecast(series_id: str) -> Response:
        return _answer(client.get(forecast_key(series_id)))

    return app


def _answer(body: Any) -> Response:
    if body is None:
        raise HTTPException(404)
    return Response(body, media_type="application/json")


if __name__ == "__main__":
    port, redis_url, form = sys.argv[1:]
    application = {"async": asynchronous, "sync": synchronous}[form](redis_url)
    with listening_socket("127.0.0.1", int(port), "the API", "DAYAHEAD_API") as listening:
        uvicorn.Server(uvicorn.Config(application, **SERVER_OPTIONS)).run(sockets=[listening])
