"""`make up` on a live source ends with a forecast of every series, not of those that were known first."""

import io
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from deploy import up
from deploy.local.assembly import Assembly


@pytest.mark.parametrize(("replays", "lag", "ends"), [(False, 1, False), (False, 0, True), (True, 1, True)])
def test_a_live_source_is_waited_for_while_messages_of_it_wait(
    replays: bool, lag: int, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every series that is known has a forecast; a replayed sample is complete, since its series are in its history."""
    monkeypatch.setattr(up, "read_overview", lambda *_: "an overview")
    monkeypatch.setattr(up, "all_forecast", lambda *_, **__: True)
    monkeypatch.setattr(up, "read_lag", lambda *_: {0: 0, 1: lag})
    monkeypatch.setattr(up, "polled_source", lambda _: "sites")
    postgres = SimpleNamespace(app_url=lambda: "")
    stack = SimpleNamespace(postgres=postgres, kafka=SimpleNamespace(bootstrap=""))
    assembly = cast("Assembly", SimpleNamespace(stack=stack, settings=SimpleNamespace(replays=replays)))
    assert up.Up(assembly, Console(file=io.StringIO()))._all_forecast() is ends
