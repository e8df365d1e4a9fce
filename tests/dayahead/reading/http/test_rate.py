import pytest

from dayahead.reading.http.rate import Rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("400/minute", Rate(400, 60)),
        ("1/10-second", Rate(1, 10)),
        ("9000/hour", Rate(9000, 3600)),
        ("1/day", Rate(1, 86400)),
    ],
)
def test_a_rate_is_read(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize(
    "text", ["", "400", "0/minute", "1/0-second", "20000/minute", "1/2-day", "5/week", "1 /minute"]
)
def test_what_is_no_rate_is_rejected_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="400/minute"):
        Rate.parse(text)
