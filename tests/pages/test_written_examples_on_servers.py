"""What the pages promise of rows that are sent again, and every example of README.md and docs/, run as a reader would.

In the order of the pages, on real servers.
"""

import contextlib
import itertools
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import psycopg
import pytest
import yaml
from kafka import KafkaProducer

from consumers.webhooks.receivers import load_receivers
from dayahead.reading.source_file import load_source
from dayahead.weather.source_file import load_weather_source, weather_kinds
from tests.pages.conftest import TOKEN, Reader
from tests.pages.examples import Example, commands_of, examples, matches
from tests.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(700)]

COMMAND_S = 600
EVENT_S = 60
SITES = (("north", 1.0), ("south", 0.4))
STATE = """
    SELECT (SELECT count(*) FROM observation JOIN series USING (series_key) WHERE series_id = %(series)s),
           (SELECT count(*) FROM observation_revision JOIN series USING (series_key) WHERE series_id = %(series)s),
           (SELECT max(issued_at) FROM forecast JOIN series USING (series_key) WHERE series_id = %(series)s),
           (SELECT sum(next_offset) FROM worker_offset)
"""


def test_rows_that_are_sent_again_change_nothing(reader: Reader) -> None:
    series_id = "DK2/111"
    rows: list[list[object]] = [[series_id, f"2023-01-24T{hour}:00:00Z", 30_000.0 + hour] for hour in (18, 19, 20)]
    before = state(reader, series_id)
    post(reader, rows)
    wait_until(taken_in(reader, series_id, before), 60, "the rows to be taken in")
    first = state(reader, series_id)
    assert int(str(first[1])) == int(str(before[1])) + len(rows)
    assert first[2] != before[2]
    post(reader, rows)
    wait_until(taken_in(reader, series_id, first), 60, "the rows to be taken in again")
    assert state(reader, series_id)[:3] == first[:3]


def state(reader: Reader, series_id: str) -> tuple[object, ...]:
    with psycopg.connect(reader.environment["DAYAHEAD_DATABASE_URL"]) as connection:
        row = connection.execute(STATE, {"series": series_id}).fetchone()
    assert row is not None
    return tuple(row)


def post(reader: Reader, rows: list[list[object]]) -> None:
    answer = httpx.post(
        f"{reader.url}/v1/observations",
        json={"source": "consumption-de35-hour", "rows": rows},
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == len(rows)


def taken_in(reader: Reader, series_id: str, before: tuple[object, ...]) -> Callable[[], bool]:
    return lambda: state(reader, series_id)[3] == int(str(before[3])) + 1


@pytest.fixture(scope="module")
def folder(reader: Reader) -> Path:
    """The reader's folder, with the files that the pages take for granted: a load that is heated, and its weather."""
    start = datetime(2024, 3, 1, tzinfo=UTC)
    lines, weather = ["hour,site,kWh"], ["location,valid_time,temperature_c"]
    for hour in range(24 * 95):
        moment = (start + timedelta(hours=hour)).isoformat()
        coast = 10 + 6 * math.cos(hour / 24 * 2 * math.pi) + 5 * math.sin(hour / 31)
        hills = coast - 3 + 4 * math.sin(hour / 17)
        value = 1000 + 300 * math.sin(hour / 24 * 2 * math.pi) + 50 * math.sin(hour / 7) + 12 * max(16 - coast, 0)
        lines += [f"{moment},{site},{value * size:.1f}" for site, size in SITES]
        weather += [f"coast,{moment},{coast:.2f}", f"hills,{moment},{hills:.2f}"]
    (reader.folder / "load.csv").write_text("\n".join(lines) + "\n")
    (reader.folder / "weather.csv").write_text("\n".join(weather) + "\n")
    return reader.folder


@pytest.mark.parametrize("example", [one for one in examples() if one.mark != "not run"], ids=str)
def test_the_example_does_what_its_page_says(example: Example, reader: Reader, folder: Path) -> None:
    if example.mark == "file":
        (folder / example.value).write_text(example.text)
        if example.language == "yaml":
            loader_of(yaml.safe_load(example.text))(folder / example.value)
    elif example.mark == "until output":
        gets_an_event(example, reader)
    elif example.language == "console":
        for command in commands_of(example.text):
            done = run(["bash", "-euo", "pipefail", "-c", reader.as_here(command.text)], reader)
            assert not command.shown or matches(command.shown, done), f"{command.text} wrote:\n{done}"
    elif example.language == "python":
        run([sys.executable, "-c", reader.as_here(example.text)], reader)
    else:
        assert example.language == "json"
        is_taken_in(example, reader)


def loader_of(document: dict[str, object]) -> Callable[[Path], object]:
    """What reads a YAML file of the pages."""
    if "receivers" in document:
        return load_receivers
    return load_weather_source if document.get("kind") in weather_kinds() else load_source


def run(command: list[str], reader: Reader) -> str:
    done = subprocess.run(
        command,
        cwd=reader.folder,
        env=reader.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_S,
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def gets_an_event(example: Example, reader: Reader) -> None:
    """A command that listens to forecasts has to get one, while values of DK1/111 are corrected."""
    text = reader.as_here(example.text if example.language == "python" else commands_of(example.text)[0].text)
    with subprocess.Popen(
        [sys.executable, "-c", text] if example.language == "python" else ["bash", "-c", text],
        cwd=reader.folder,
        env=reader.environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        output = process.stdout.fileno()
        os.set_blocking(output, False)
        written = bytearray()
        values = itertools.count(60_000)

        def has_event() -> bool:
            correct("DK1/111", float(next(values)), reader)
            with contextlib.suppress(BlockingIOError):
                written.extend(os.read(output, 1 << 20))
            return b"DK1/111" in written

        try:
            wait_until(has_event, EVENT_S, f"{text} to give a forecast of DK1/111", pause_s=0.5)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def correct(series_id: str, value: float, reader: Reader) -> None:
    row = [series_id, "2023-01-24T20:00:00Z", value]
    answer = httpx.post(
        f"{reader.url}/v1/observations",
        json={"source": "consumption-de35-hour", "rows": [row]},
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert answer.status_code == 200, answer.text


def is_taken_in(example: Example, reader: Reader) -> None:
    """A JSON block is a message of `observations`: sent as a producer would that knows only its key."""
    value = reader.as_here(example.text).strip().encode()
    series_id, valid_time, measured = orjson.loads(value)["rows"][0]
    producer = KafkaProducer(bootstrap_servers=reader.kafka)
    try:
        producer.send("observations", value=value, key=series_id.encode()).get(30)
    finally:
        producer.close()

    def is_there() -> bool:
        answer = httpx.get(f"{reader.url}/v1/observations/{series_id}", params={"start": valid_time})
        return answer.status_code == 200 and measured in answer.json()["value"]

    wait_until(is_there, 60, f"{series_id} at {valid_time} to be {measured}")
