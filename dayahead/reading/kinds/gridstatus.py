"""Reads the load that the system operators of the United States publish themselves, through gridstatus.

Each operator has pages and files of its own, and changes them; the library gridstatus (an optional dependency, extra
us-isos) follows them and gives tables with times that carry an offset. It is called in a process of its own: see
`dayahead/reading/gridstatus_call.py`. The EIA has the same areas by the hour (kind eia), later, but revised.
"""

import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

import orjson
from pydantic import Field

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable, Stopped
from dayahead.hours import Hour, from_hour, to_hour
from dayahead.reading.http.fetcher import retry_after_s
from dayahead.reading.http.key import Key, KeyName, key_of
from dayahead.reading.reader import Answer
from dayahead.reading.source_kind import KindFields, SourceKind, Surroundings
from dayahead.source import Source

LIBRARY = "gridstatus"
COMMAND = (sys.executable, "-m", "dayahead.reading.gridstatus_call")
LONGEST_H = 24 * 7
GLANCE_S = 0.5


class GridstatusFields(KindFields):
    """Fields of a source file for this kind."""

    iso: Literal["caiso", "ercot", "isone", "miso", "nyiso", "pjm", "spp"] = Field(description="System operator")
    method: str = Field(
        default="get_load",
        pattern=r"^get_[a-z0-9_]*load[a-z0-9_]*$",
        description="Method of its class in gridstatus, e.g. get_load_by_weather_zone; a record has its columns",
    )
    key: KeyName | None = Field(default=None, description="Name of the operator's key, where it needs one (pjm)")


class GridstatusKind(SourceKind):
    """The system operators of the United States."""

    name = "gridstatus"
    fields = GridstatusFields
    defaults: ClassVar[Mapping[str, object]] = {
        "time_column": "Interval Start",
        "unit": "MW",
        "quantity": "power",
    }

    def reader(self, source: Source, surroundings: Surroundings) -> "Gridstatus":
        """See `SourceKind.reader`."""
        fields = GridstatusFields.of(source)
        if find_spec(LIBRARY) is None:
            raise SettingsError(
                f"source {source.name}: kind {self.name} needs the library {LIBRARY}: pip install 'dayahead[us-isos]'"
            )
        key = None if fields.key is None else key_of(source.name, fields.key, surroundings.keys, "header", "api_key")
        return Gridstatus(fields, key, surroundings)


class Gridstatus:
    """The load of one operator, without retries (see `PatientReader`)."""

    def __init__(self, fields: GridstatusFields, key: Key | None, surroundings: Surroundings) -> None:
        """Store the arguments; nothing is called yet.

        Args:
            fields: of the source.
            key: of the operator, where it needs one.
            surroundings: of the process.
        """
        self._fields, self._key, self._surroundings = fields, key, surroundings
        self._name = f"{fields.iso} {fields.method}"

    def read(self, start: Hour, end: Hour | None) -> Answer:
        """See `Reader.read`; returns whole local days."""
        newest = to_hour(self._surroundings.clock()) + 1
        until = newest if end is None else end
        last = min(until, start + LONGEST_H)
        if last <= start:
            return Answer.of([])
        answer = self._call(from_hour(start), from_hour(last))
        if "records" not in answer:
            raise self._error(answer)
        if answer["unsupported"] == answer["days"] and (end is not None or last >= newest):
            raise SourceRefused(
                f"{self._name}: gridstatus does not serve any day from {from_hour(start):%Y-%m-%d}: read later days, "
                "or set another `method` in the source file"
            )
        return Answer.of(answer["records"], cut_at=last if last < until else None)

    def _call(self, start: datetime, end: datetime) -> dict[str, Any]:
        request = {
            "iso": self._fields.iso,
            "method": self._fields.method,
            "start": start.isoformat(),
            "end": end.isoformat(),
            "key": None if self._key is None else self._key.value.get_secret_value(),
        }
        deadline = time.monotonic() + self._surroundings.answer_timeout_s
        with subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            try:
                written = self._written(process, orjson.dumps(request), deadline)
            except BaseException:
                process.kill()
                raise
        try:
            answer = orjson.loads(written)
        except orjson.JSONDecodeError as error:
            raise SourceUnavailable(
                f"{self._name}: the process that calls gridstatus ended with code {process.returncode} and no answer",
                cause="bad_answer",
            ) from error
        return dict(answer)

    def _written(self, process: "subprocess.Popen[bytes]", request: bytes, deadline: float) -> bytes:
        unsent: bytes | None = request
        while True:
            try:
                return process.communicate(unsent, timeout=GLANCE_S)[0]
            except subprocess.TimeoutExpired:
                unsent = None
                if self._surroundings.pause(0):
                    raise Stopped("the process is stopping") from None
                if time.monotonic() > deadline:
                    raise SourceUnavailable(
                        f"{self._name} did not answer within {self._surroundings.answer_timeout_s:g} s: raise "
                        "DAYAHEAD_ANSWER_TIMEOUT_S"
                    ) from None

    def _error(self, answer: Mapping[str, Any]) -> SourceUnavailable | SourceRefused:
        reason = f"{self._name} {answer['reason']}"
        if self._key is not None:
            reason = self._key.hidden_in(reason)
        if answer["cause"] == "refused":
            return SourceRefused(f"{reason}. Check iso, method and key in the source file")
        wait_s = retry_after_s({"retry-after": answer["retry_after"] or ""}, self._surroundings.clock)
        return SourceUnavailable(reason, wait_s, cause=answer["cause"])
