import pytest

from consumers.webhooks.addresses import is_public, resolve
from dayahead.errors import DeliveryFailed


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "fec0::1",
        "ff02::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


def test_a_name_of_this_machine_is_refused_unless_the_setting_allows_it() -> None:
    with pytest.raises(DeliveryFailed, match="DAYAHEAD_WEBHOOK_PRIVATE_ADDRESSES=true"):
        resolve("localhost", 80, private=False)
    assert "127.0.0.1" in resolve("localhost", 80, private=True)
    # other notations of the same address
    for host in ("2130706433", "0x7f.1", "[::1]"):
        with pytest.raises(DeliveryFailed, match="not public"):
            resolve(host, 80, private=False)


def test_an_unknown_host_may_be_known_later() -> None:
    with pytest.raises(DeliveryFailed, match="cannot be looked up"):
        resolve("receiver.invalid", 443, private=True)
