"""What a worker that is left alone makes of a log: the measure of all others."""

from collections.abc import Mapping, Sequence

from tests.stream.conftest import WorkerRoom
from tests.stream.logs import in_log


def unbroken(room: WorkerRoom, logs: Mapping[int, Sequence[bytes | None]]) -> dict[str, list[tuple[object, ...]]]:
    """The tables after one worker has taken logs in by partition; everything is empty again afterwards."""
    for partition, log in logs.items():
        room.send(partition, log)
    worker = room.worker()
    worker.assign(logs)
    for partition, log in logs.items():
        worker.process(partition, in_log(log))
    tables = room.tables()
    # these logs hold no value beyond the limits of their source
    assert {name for name, rows in tables.items() if not rows} <= {"limit_rejection"}
    assert room.redis() == room.newest_forecasts() == room.newest_messages()
    room.start_over()
    return tables
