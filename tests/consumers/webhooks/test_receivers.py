from pathlib import Path

import pytest
from pydantic import SecretStr

from consumers.webhooks.receivers import EventType, Format, keys_of, load_receivers
from dayahead.errors import SettingsError
from tests.consumers.receiving import SECRET

WHOLE = """
receivers:
  - name: trading
    url: https://trading.example/hooks
    secrets: [trading_2026, trading_2025]
    events: [forecast.issued, day_ahead.published]
    series: [DK1/*, DK2/111]
    format: hours
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "webhooks.yaml"
    path.write_text(text)
    return path


def test_a_file_says_who_gets_what(tmp_path: Path) -> None:
    (receiver,) = load_receivers(written(tmp_path, WHOLE))
    assert receiver.events == [EventType.FORECAST, EventType.DAY_AHEAD]
    assert receiver.format is Format.HOURS
    wanted = [one for one in ("DK1/111", "DK2/111", "DK2/112", "DK11/1") if receiver.wants(one)]
    assert wanted == ["DK1/111", "DK2/111"]


def test_secrets_are_named_in_the_file_and_given_in_the_environment(tmp_path: Path) -> None:
    (receiver,) = load_receivers(written(tmp_path, WHOLE))
    given = {"trading_2026": SecretStr(SECRET), "trading_2025": SecretStr("whsec_" + "A" * 32)}
    assert len(keys_of(receiver, given)) == 2
    with pytest.raises(SettingsError, match="set DAYAHEAD_WEBHOOK_SECRETS__TRADING_2025"):
        keys_of(receiver, {"trading_2026": SecretStr(SECRET)})
    with pytest.raises(SettingsError, match="DAYAHEAD_WEBHOOK_SECRETS__TRADING_2026: a secret of webhooks begins"):
        keys_of(receiver, given | {"trading_2026": SecretStr("secret")})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("receivers: []", "receivers: List should have at least 1 item"),
        (WHOLE + WHOLE.partition("receivers:\n")[2], "trading is given 2 times"),
        (WHOLE.replace("format: hours", "formats: hours"), "receivers.0.formats: Extra inputs"),
        (WHOLE.replace("https://", "ftp://"), "receivers.0.url: URL scheme should be"),
        (WHOLE.replace("day_ahead.published", "alerts"), "receivers.0.events.1: Input should be"),
        ("receivers: [", "is not YAML"),
        ("", "must hold a list `receivers`, see docs/webhooks.md"),
        ("- name: trading", "must hold a list `receivers`, see docs/webhooks.md"),
    ],
)
def test_a_wrong_file_is_refused_with_every_fault(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        load_receivers(written(tmp_path, text))


def test_a_missing_file_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DAYAHEAD_WEBHOOK_RECEIVERS"):
        load_receivers(tmp_path / "none.yaml")
