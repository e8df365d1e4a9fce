from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from dayahead.asyncapi import CHANNELS, json_schema, write_contracts
from dayahead.contracts import ForecastMessage, ObservationBatch, Rung, message_bytes
from dayahead.dead_letters import DeadLetter, carried_headers
from dayahead.errors import DeadLetterCode
from dayahead.hours import from_hour
from dayahead.topics import TOPICS

CONTRACTS = Path(__file__).parents[2] / "docs" / "contracts"


def test_the_documented_contracts_are_those_of_the_code(tmp_path: Path) -> None:
    written = write_contracts(tmp_path, version("dayahead"))
    for file in written:
        kept = CONTRACTS / file.name
        assert kept.read_text() == file.read_text(), f"{kept} is old: run `dayahead contracts docs/contracts`"
    assert {file.name for file in CONTRACTS.iterdir()} == {file.name for file in written}


def test_every_topic_with_a_message_of_ours_is_described() -> None:
    document = yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text())
    described = {channel["address"] for channel in document["channels"].values()}
    assert described == {spec.name for spec in TOPICS}
    assert all("x-compression" in channel for channel in document["channels"].values())
    for channel in CHANNELS:
        for message in channel.messages:
            Draft202012Validator.check_schema(json_schema(message, channel.sent))
            assert message.__name__ in document["channels"][channel.message.__name__]["messages"]


def test_a_forecast_as_sent_fits_its_schema() -> None:
    forecast = ForecastMessage(
        series_id="DK1/111",
        origin=from_hour(465_000),
        issued_at=from_hour(465_001),
        release="r-0123456789ab",
        rung=Rung.FULL,
        reasons=[],
        leads=24,
        p50=[1.5] * 24,
        p10=[1.0] * 24,
        p90=[2.0] * 24,
        unit="kWh",
    )
    validator = Draft202012Validator(json_schema(ForecastMessage, sent=True))
    sent = message_bytes(forecast)
    validator.validate(ForecastMessage.model_validate_json(sent).model_dump(mode="json"))
    with pytest.raises(ValidationError):
        validator.validate({"series_id": "DK1/111"})


def test_a_batch_with_an_unknown_field_or_without_an_offset_is_refused() -> None:
    good = {
        "source": "s",
        "available_at": "2023-01-24T22:10:00Z",
        "rows": [["DK1/111", "2023-01-24T21:00:00Z", 70.5]],
    }
    assert ObservationBatch.model_validate(good).refresh
    for wrong in ({**good, "extra": 1}, {**good, "available_at": "2023-01-24T22:10:00"}, {**good, "rows": []}):
        with pytest.raises(ValueError, match="validation error"):
            ObservationBatch.model_validate(wrong)


@pytest.mark.parametrize("whole", [True, False])
def test_every_header_of_a_dead_letter_is_described(whole: bool) -> None:
    document = yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text())
    schema = document["channels"]["DeadLetter"]["messages"]["DeadLetter"]["headers"]
    headers = [("trace", b"7"), ("large", b"x" * 10_000)]
    letter = DeadLetter(
        b"{}", DeadLetterCode.FAILED, "why", "stream", from_hour(465_000), carried=carried_headers(b"DK1/111", headers)
    )
    sent = dict((letter if whole else letter.shortened()).headers())
    assert {"original_key", "original_header.trace", "original_headers_dropped"} <= sent.keys()
    assert ("stub_size" in sent) is not whole
    Draft202012Validator(schema).validate({name: value.decode() for name, value in sent.items()})
