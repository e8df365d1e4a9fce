"""The body of `POST /v1/observations`, read without a server."""

import pytest

from api.problems import Problem
from api.sent_rows import read_sent, shown_value

LONG = "x" * 1_000_000


@pytest.mark.parametrize(
    "header", [b'"series_id"x,valid_time,value', b"a" * 200_000 + b",valid_time,value"], ids=["quotes", "field-limit"]
)
def test_a_first_line_that_is_not_csv_is_refused(header: bytes) -> None:
    with pytest.raises(Problem, match="its first line is not CSV") as refused:
        read_sent(header + b"\nnorth/households,2023-01-25T10:00:00Z,1\n", "text/csv")
    assert refused.value.status == 422


def test_a_deeply_nested_row_is_shown_without_recursion() -> None:
    body = b'{"source": "own-grid", "rows": [' + b"[" * 900 + b"]" * 900 + b"]}"
    ((_, row),) = read_sent(body, "application/json").rows
    (part,) = shown_value(row)
    assert isinstance(part, str)
    assert len(part) <= 81


def test_long_texts_of_a_row_are_cut_in_an_answer() -> None:
    shown = shown_value([LONG, "2023-01-25T10:00:00Z", 1.5])
    assert shown[1:] == ["2023-01-25T10:00:00Z", 1.5]
    assert shown[0] == "x" * 80 + "…"
    assert len(shown_value(LONG)) == 81
