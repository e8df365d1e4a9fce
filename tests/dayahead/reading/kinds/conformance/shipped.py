"""Fields of the source files in ingest/sources, so that a stand-in tests the file itself."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.ingest.building import SOURCES


def shipped_fields(name: str, address: str) -> Mapping[str, Any]:
    """The fields of a shipped source file, with the address of a server in place of the publisher's.

    Args:
        name: of the source.
        address: of the server.
    """
    fields = yaml.safe_load((SOURCES / f"{name}.yaml").read_text())
    kept = {field: value for field, value in fields.items() if field not in ("name", "kind", "title")}
    return {**kept, "url": address + urlsplit(str(fields["url"])).path}
