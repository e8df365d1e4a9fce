"""A typed client of the REST API, for programs that run anywhere.

    from dayahead.client import Client, queries

    with Client("http://localhost:8000") as client:
        forecast = client.get(queries.forecast("DK1/111"))

A query says what to ask; `Client` and `AsyncClient` send it, retry what may succeed later, and raise the errors of
`dayahead.client.errors`.
"""

from dayahead.client import answers, errors, queries
from dayahead.client.async_client import AsyncClient
from dayahead.client.kept_list import KeptList, kept_accuracy, kept_series
from dayahead.client.sync_client import Client

__all__ = ["AsyncClient", "Client", "KeptList", "answers", "errors", "kept_accuracy", "kept_series", "queries"]
