import pytest

from consumers.webhooks import resending
from consumers.webhooks.resending import CLIENT, read_undelivered
from dayahead.errors import BrokerUnavailable


def test_where_kafka_is_away_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resending, "ANSWER_S", 2.0)
    with pytest.raises(BrokerUnavailable, match=r"Kafka at 127\.0\.0\.1:9 cannot be read"):
        list(read_undelivered("127.0.0.1:9", ""))
    assert [line for line in caplog.messages if CLIENT in line] == []
