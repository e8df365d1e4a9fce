"""Waiting for a server ends with an answer, and with an error that no retry cures."""

import pytest

from stream.servers.server_retry import ServerRetry


def test_after_an_error_that_is_not_retried_the_server_is_not_waited_for() -> None:
    retry = ServerRetry()
    waited: list[str | None] = []
    errors = iter([ConnectionError("away"), ConnectionError("away"), ValueError("broken")])

    def ask() -> None:
        waited.append(retry.awaited)
        raise next(errors)

    with pytest.raises(ValueError, match="broken"):
        retry.run("Kafka", ask, (ConnectionError,))
    assert waited == [None, "Kafka", "Kafka"]
    assert retry.awaited is None
