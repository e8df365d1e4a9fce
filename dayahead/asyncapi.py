"""The public description of the topics: an AsyncAPI 3 document and a JSON Schema a message, made from the contracts.

`dayahead contracts DIR` writes them; docs/contracts/ holds the ones of this version.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from dayahead.contracts import (
    DriftEvent,
    ForecastMessage,
    Message,
    ObservationBatch,
    ReleaseAnnouncement,
    RetuneRequest,
)
from dayahead.topics import DRIFT, FORECASTS, MODEL_RELEASES, OBSERVATIONS, RETUNE_REQUESTS, TopicSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Channel:
    """A topic as outsiders see it.

    Attributes:
        spec: the topic.
        message: what it carries.
        key: what its keys are.
        sent: whether Dayahead sends to it (else it reads from it; `observations` is open to any producer).
        summary: what it is for.
    """

    spec: TopicSpec
    message: type[Message]
    key: str
    sent: bool
    summary: str


CHANNELS = (
    Channel(
        OBSERVATIONS,
        ObservationBatch,
        "series_id, or none where the message is sent to the partition of its rows (murmur2 of series_id)",
        False,
        "Measured values; the poller sends them, and so may anybody",
    ),
    Channel(FORECASTS, ForecastMessage, "series_id", True, "The newest forecast of every series; compacted"),
    Channel(DRIFT, DriftEvent, "series_id", True, "Series whose inputs or errors changed"),
    Channel(RETUNE_REQUESTS, RetuneRequest, "none", False, "Wishes for a new model"),
    Channel(MODEL_RELEASES, ReleaseAnnouncement, "champion", True, "The release that serves; compacted"),
)


def json_schema(message: type[Message], sent: bool) -> dict[str, object]:
    """The JSON Schema of a message as it stands on the wire."""
    mode: Literal["serialization", "validation"] = "serialization" if sent else "validation"
    return {"$schema": DIALECT, **message.model_json_schema(mode=mode)}


def asyncapi(version: str) -> dict[str, object]:
    """The AsyncAPI document of all topics.

    Args:
        version: version of Dayahead.
    """
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Dayahead",
            "version": version,
            "description": "Hourly observations in, a fresh 24-hour forecast of every series out. "
            "Broken messages are kept in `observations.dead-letter` with their bytes and the headers "
            "`code`, `reason`, `source_topic`, `source_partition`, `source_offset`, `time` and `stage`.",
        },
        "defaultContentType": "application/json",
        "channels": {
            channel.message.__name__: {
                "address": channel.spec.name,
                "summary": channel.summary,
                "messages": {channel.message.__name__: _message(channel)},
                "bindings": {"kafka": {"topicConfiguration": _topic_configuration(channel.spec)}},
            }
            for channel in CHANNELS
        },
        "operations": {
            f"{'send' if channel.sent else 'receive'}{channel.message.__name__}": {
                "action": "send" if channel.sent else "receive",
                "channel": {"$ref": f"#/channels/{channel.message.__name__}"},
            }
            for channel in CHANNELS
        },
    }


def _message(channel: Channel) -> dict[str, object]:
    return {
        "name": channel.message.__name__,
        "payload": {"$ref": f"./{channel.message.__name__}.json"},
        "bindings": {"kafka": {"key": {"type": "string", "description": channel.key}}},
    }


def _topic_configuration(spec: TopicSpec) -> dict[str, object]:
    configuration: dict[str, object] = {}
    if policy := spec.config.get("cleanup.policy"):
        configuration["cleanup.policy"] = [policy]
    if retention := spec.config.get("retention.ms"):
        configuration["retention.ms"] = int(retention)
    return configuration


def write_contracts(folder: Path, version: str) -> list[Path]:
    """Write asyncapi.yaml and a JSON Schema a message.

    Args:
        folder: made if absent.
        version: version of Dayahead.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    document = folder / "asyncapi.yaml"
    document.write_text(yaml.safe_dump(asyncapi(version), sort_keys=False, width=110), encoding="utf-8")
    files = [document]
    for channel in CHANNELS:
        file = folder / f"{channel.message.__name__}.json"
        text = json.dumps(json_schema(channel.message, channel.sent), indent=2)
        file.write_text(text + "\n", encoding="utf-8")
        files.append(file)
    return files
