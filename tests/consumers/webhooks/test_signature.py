from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from consumers.webhooks.signature import key_of, signed_headers
from tests.consumers.receiving import SECRET

OTHER = "whsec_" + "B" * 32
BODY = b'{"type":"forecast.issued"}'


def test_the_signature_is_that_of_the_reference_implementation() -> None:
    moment = datetime.now(UTC)
    headers = signed_headers([key_of(SECRET)], "msg_1", int(moment.timestamp()), BODY)
    assert headers["webhook-signature"] == Webhook(SECRET).sign("msg_1", moment, BODY.decode())
    assert Webhook(SECRET).verify(BODY, headers) == {"type": "forecast.issued"}


def test_during_a_rotation_a_receiver_verifies_with_either_secret() -> None:
    headers = signed_headers([key_of(SECRET), key_of(OTHER)], "msg_1", int(datetime.now(UTC).timestamp()), BODY)
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(BODY, headers)
    third = "whsec_" + "A" * 32
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(third).verify(BODY, headers)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"),
        ("whsec_%%%%", "not base64"),
        ("whsec_c2hvcnQ=", "has 5 bytes"),
        ("whsec_" + "A" * 88, "has 66 bytes"),
    ],
)
def test_a_secret_of_another_form_is_refused_without_being_shown(secret: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        key_of(secret)
    assert secret.removeprefix("whsec_") not in str(refused.value)
    assert "openssl rand" in str(refused.value)
