from datetime import UTC, datetime

import pytest

from dayahead.errors import SettingsError
from dayahead.hours import to_hour
from dayahead.reading.hour_text import hour_of


@pytest.mark.parametrize(
    "text", ["2023-01-24T22", "2023-01-24T22:00", "2023-01-24T22:00:00Z", "2023-01-24T23:00+01:00"]
)
def test_an_hour_is_utc_unless_it_says_otherwise(text: str) -> None:
    assert hour_of(text, "--from") == to_hour(datetime(2023, 1, 24, 22, tzinfo=UTC))


@pytest.mark.parametrize("text", ["yesterday", "2023-01-24T22:30", ""])
def test_what_is_no_hour_is_refused_with_the_option_and_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--from .*write it like 2023-01-24T22"):
        hour_of(text, "--from")
