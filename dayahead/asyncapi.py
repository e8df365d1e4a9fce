"""The public description of the topics: an AsyncAPI 3 document and a JSON Schema a message, made from the contracts.

`dayahead contracts DIR` writes them; docs/contracts/ holds the ones of this version.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import yaml

from dayahead.contracts import (
    DayAheadMessage,
    DriftEvent,
    ForecastMessage,
    Message,
    ObservationBatch,
    ReleaseAnnouncement,
    RetuneRequest,
    UndeliveredWebhook,
)
from dayahead.dead_letters import CARRIED_HEADER, CARRIED_KEY, DeadLetter
from dayahead.errors import DeadLetterCode
from dayahead.kafka_clients import CODEC_SENT, CODECS
from dayahead.topics import (
    DAY_AHEAD,
    DEAD_LETTERS,
    DRIFT,
    FORECASTS,
    MODEL_RELEASES,
    OBSERVATIONS,
    RETUNE_REQUESTS,
    UNDELIVERED_WEBHOOKS,
    TopicSpec,
)
from dayahead.weather.message import WeatherBatch

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
        compression: what its batches are compressed with.
        also: other messages that it carries.
    """

    spec: TopicSpec
    message: type[Message]
    key: str
    sent: bool
    summary: str
    compression: str = "none"
    also: tuple[type[Message], ...] = ()

    @property
    def messages(self) -> tuple[type[Message], ...]:
        """Every message that it carries."""
        return (self.message, *self.also)


ANY_CODEC = f"{', '.join(CODECS[:-1])} or {CODECS[-1]}, as its producers choose"

DEAD_LETTER_HEADERS = {
    "code": "Why, for machines",
    "reason": "Why, as a sentence",
    "stage": "Where it was found: ingest or stream",
    "time": "When it was found, UTC",
    "source": "Name of the source; empty where it is not known",
    "series_id": "The one series that it is of, where that is known",
    "source_topic": "Topic that it was read from; empty for a record that never reached Kafka",
    "source_partition": "Partition of source_topic; -1 for a record that never reached Kafka",
    "source_offset": "Offset in source_partition; -1 for a record that never reached Kafka",
    "stub_size": "Bytes of the original, where the payload is only its beginning",
    "stub_sha256": "SHA-256 of the original, hexadecimal, where the payload is only its beginning",
    "original_headers_dropped": "Headers of the message that was refused for which there was no room",
}

TRACED = (OBSERVATIONS, FORECASTS)
TRACE_HEADERS = {
    "traceparent": "The span that sent it (W3C Trace Context), where traces are on",
    "tracestate": "What belongs to it, if anything does",
}

CHANNELS = (
    Channel(
        OBSERVATIONS,
        ObservationBatch,
        "series_id, or none where the message is sent to the partition of its rows (murmur2 of series_id) or, with "
        "weather, to every partition",
        False,
        "Measured values, and weather in every partition; the poller sends them, and so may anybody",
        ANY_CODEC,
        (WeatherBatch,),
    ),
    Channel(
        FORECASTS, ForecastMessage, "series_id", True, "The newest forecast of every series; compacted", CODEC_SENT
    ),
    Channel(
        DAY_AHEAD,
        DayAheadMessage,
        "series_id, day and gate, joined by |",
        True,
        "The forecast of the next day of the calendar as it stood at each gate, once; compacted",
        CODEC_SENT,
    ),
    Channel(DRIFT, DriftEvent, "series_id", True, "Series whose inputs or errors changed"),
    Channel(RETUNE_REQUESTS, RetuneRequest, "none", False, "Wishes for a new model"),
    Channel(MODEL_RELEASES, ReleaseAnnouncement, "champion", True, "The release that serves; compacted"),
    Channel(UNDELIVERED_WEBHOOKS, UndeliveredWebhook, "receiver", True, "Webhooks that were given up"),
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
            "description": "Hourly observations in, a fresh forecast of every series out. `x-compression` "
            "names the codec that a consumer of a topic must have.",
        },
        "defaultContentType": "application/json",
        "channels": {
            **{channel.message.__name__: _channel(channel) for channel in CHANNELS},
            "DeadLetter": _dead_letters(),
        },
        "operations": {
            **{
                f"{'send' if channel.sent else 'receive'}{channel.message.__name__}": _operation(
                    channel.message.__name__, channel.sent
                )
                for channel in CHANNELS
            },
            "sendDeadLetter": _operation("DeadLetter", sent=True),
        },
    }


def _channel(channel: Channel) -> dict[str, object]:
    return {
        "address": channel.spec.name,
        "summary": channel.summary,
        "x-compression": channel.compression,
        "messages": {message.__name__: _message(message, channel) for message in channel.messages},
        "bindings": {"kafka": {"topicConfiguration": _topic_configuration(channel.spec)}},
    }


def _dead_letters() -> dict[str, object]:
    whole = DeadLetter(b"", DeadLetterCode.NOT_JSON, "", "stream", datetime(2023, 1, 24, tzinfo=UTC))
    always = [name for name, _ in whole.headers()]
    headers: dict[str, dict[str, object]] = {
        name: {"type": "string", "description": text} for name, text in (DEAD_LETTER_HEADERS | TRACE_HEADERS).items()
    }
    headers["code"]["enum"] = [code.value for code in DeadLetterCode]
    bytes_of_original = {"description": "A header of the message that was refused, its bytes as they came"}
    return {
        "address": DEAD_LETTERS.name,
        "summary": "What broke its contract, as it came, with the reason in its headers",
        "x-compression": f"none or {CODEC_SENT}",
        "messages": {
            "DeadLetter": {
                "name": "DeadLetter",
                "contentType": "application/octet-stream",
                "payload": {
                    "description": "The bytes that were refused, most are JSON; only the first where stub_size is given"
                },
                "headers": {
                    "type": "object",
                    "required": always,
                    "properties": {
                        **headers,
                        CARRIED_KEY: {"description": "Key of the message that was refused, its bytes as they came"},
                    },
                    "patternProperties": {f"^{re.escape(CARRIED_HEADER)}": bytes_of_original},
                    "additionalProperties": False,
                },
            }
        },
        "bindings": {"kafka": {"topicConfiguration": _topic_configuration(DEAD_LETTERS)}},
    }


def _operation(name: str, sent: bool) -> dict[str, object]:
    return {"action": "send" if sent else "receive", "channel": {"$ref": f"#/channels/{name}"}}


def _message(message: type[Message], channel: Channel) -> dict[str, object]:
    traced = {name: {"type": "string", "description": text} for name, text in TRACE_HEADERS.items()}
    return {
        "name": message.__name__,
        "payload": {"$ref": f"./{message.__name__}.json"},
        **({"headers": {"type": "object", "properties": traced}} if channel.spec in TRACED else {}),
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
        for message in channel.messages:
            file = folder / f"{message.__name__}.json"
            file.write_text(json.dumps(json_schema(message, channel.sent), indent=2) + "\n", encoding="utf-8")
            files.append(file)
    return files
