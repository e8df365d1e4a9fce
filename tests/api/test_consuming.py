"""docs/consume.md as a reader follows it: with nothing installed but what it says, and word for word."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

from api.hearing import ReaderState
from deploy.local.stack import LocalStack
from stream.servers.kafka_output import KafkaOutput, Outgoing
from stream.servers.server_retry import ServerRetry
from tests.conftest import TopicRoom
from tests.kafka_segments import read_batches, segment_of
from tests.waiting import wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "consume.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.partition("```python\n")[2].partition("```")[0]
INSTALLED = re.findall(r"^\$ pip install (.+)$", PAGE, re.MULTILINE)
FORECAST = b'{"series_id":"DK1/111","origin":"2023-01-24T22:00:00Z","p50":[1.5,2.5,3.5,4.5],"unit":"kWh"}'


def lay_out(folder: Path, name: str) -> None:
    """What `pip install` would put into an empty environment, of the version that is installed here."""
    found = distribution(name)
    assert not [
        needed for needed in found.requires or [] if "extra ==" not in needed and "python_version" not in needed
    ]
    for top in {Path(str(file)).parts[0] for file in found.files or [] if not str(file).startswith("..")}:
        (folder / top).symlink_to(Path(str(found.locate_file(top))))


@pytest.fixture
def consumer(topics: TopicRoom, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    topics.create(2)
    for name in " ".join(INSTALLED).split():
        lay_out(tmp_path, name)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path),
        "DAYAHEAD_KAFKA_BOOTSTRAP": topics.bootstrap,
        "DAYAHEAD_TOPIC_PREFIX": topics.prefix,
    }
    # -S: no site-packages, so that the example has what is laid out and the standard library
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", EXAMPLE], env=environment, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.wait()


@pytest.mark.servers
def test_the_example_consumes_what_a_worker_writes_with_nothing_installed_but_what_it_says(
    consumer: subprocess.Popen[str], topics: TopicRoom, stack: LocalStack
) -> None:
    assert INSTALLED
    output = KafkaOutput(topics.bootstrap, ServerRetry())
    output.deliver([Outgoing(topics.name("forecasts"), FORECAST, key=b"DK1/111", partition=1)] * 100)
    assert consumer.stdout is not None
    assert consumer.stdout.readline().split() == ["DK1/111", "2023-01-24T22:00:00Z", "[1.5,", "2.5,", "3.5]", "kWh"]
    segment = segment_of(stack.folder, topics.name("forecasts"), 1)
    codecs = {batch.codec for batch in wait_until(lambda: read_batches(segment), 10, "the log of the broker")}
    assert codecs == {"lz4"}
    assert "compress with **lz4**" in PAGE


def test_every_state_and_event_of_the_stream_is_documented() -> None:
    for word in [*ReaderState, "forecast", "status", "reset", "lagged"]:
        assert f"`{word}`" in PAGE, word
