"""What a command says whose database is not reached."""

from pathlib import Path

import pytest

from dayahead.errors import StorageError
from dayahead.storage.database import connect
from tests.logged import logged_here

NOWHERE = "postgresql://dayahead:secret@127.0.0.1:1/dayahead"


def test_the_error_names_the_address_the_cause_and_where_the_setting_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with logged_here() as lines, pytest.raises(StorageError) as raised:
        connect(NOWHERE, wait_s=0.5)
    message = str(raised.value)
    assert "127.0.0.1:1" in message
    assert "refused" in message
    assert f"DAYAHEAD_DATABASE_URL in the environment or in {tmp_path / '.env'} (which does not exist)" in message
    assert "secret" not in message
    assert lines
    assert all("refused" in line["error"] and "secret" not in str(line) for line in lines)
