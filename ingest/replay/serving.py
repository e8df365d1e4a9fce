"""Runs the replay as a process."""

import uvicorn

from dayahead.errors import SettingsError
from dayahead.source import Source
from ingest.replay.app import make_app
from ingest.replay.clock import ReplayClock
from ingest.replay.records import ReplayRecords


def serve(
    source: Source, records: ReplayRecords, clock: ReplayClock, min_request_interval_s: float, host: str, port: int
) -> None:
    """Serve until stopped.

    Raises:
        SettingsError: the address cannot be bound.
    """
    app = make_app(source, records, clock, min_request_interval_s=min_request_interval_s)
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False))
    try:
        server.run()
    except SystemExit as error:  # raised by uvicorn when it cannot start
        raise SettingsError(f"{host}:{port} cannot be used for the replay: choose another --port") from error
