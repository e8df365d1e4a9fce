"""The id of an event of the stream."""

import pytest

from api.positions import Positions


def test_an_id_is_read_as_it_was_written() -> None:
    position = Positions("Y7AK3n6v", (120, 0, 2**63 - 1))
    assert Positions.parse(position.text) == position


@pytest.mark.parametrize("offsets", ["", "1-", "-1", "1.5", "²", "9" * 20, "1" * 5000])
def test_what_is_no_offset_of_kafka_is_no_id(offsets: str) -> None:
    assert Positions.parse(f"Y7AK3n6v.{offsets}") is None
