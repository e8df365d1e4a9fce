"""Calls gridstatus in a process of its own: one request as JSON on stdin, one answer as JSON on stdout.

Why a process: some of its requests have no timeout, it prints to stdout, logs the headers of requests (which may carry
a key), and lowers the security level of TLS for all of `requests`. The process ends with the answer, or is killed.
"""

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any
from urllib.error import HTTPError, URLError

import orjson

WORDS_SHOWN = 300


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Call one method for each local day of a range.

    Each day is one call: with a range of days, gridstatus prints errors and continues without the day.

    Args:
        request: `iso` (id of a class of gridstatus), `method`, `start` and `end` (ISO 8601, UTC; end exclusive),
            `key` (of the publisher; null: none).

    Returns:
        `records`, `days` (that were asked for) and `unsupported` (how many of them gridstatus does not serve); or
        `cause` (of `SourceUnavailable`, or `refused`), `reason` and `retry_after`.
    """
    import gridstatus  # noqa: PLC0415 - an extra, and slow to import
    import pandas as pd  # noqa: PLC0415
    import requests  # noqa: PLC0415

    try:
        kind = gridstatus.get_iso(request["iso"])
        iso = kind() if request["key"] is None else kind(api_key=request["key"])
        method = getattr(iso, request["method"])
    except (KeyError, AttributeError, TypeError) as error:
        return _failure("refused", f"gridstatus {gridstatus.__version__} has no {request['method']}", error)
    start, end = (pd.Timestamp(request[name]).tz_convert(iso.default_timezone) for name in ("start", "end"))
    days = [day for day in pd.date_range(start.normalize(), end, freq="D") if day < end]
    records: list[dict[str, Any]] = []
    unsupported = 0
    for day in days:
        try:
            frame = method(date=day)
        except gridstatus.NoDataFoundException:
            continue
        except gridstatus.NotSupported:
            unsupported += 1
            continue
        except requests.HTTPError as error:
            response = error.response
            return _refused_or_later(response.status_code, response.headers.get("Retry-After"), error)
        except HTTPError as error:
            return _refused_or_later(error.code, error.headers.get("Retry-After"), error)
        except (requests.RequestException, URLError, OSError) as error:
            return _failure("unreachable", "cannot be reached", error)
        except Exception as error:  # noqa: BLE001 - a page that has changed fails in any way
            return _failure("bad_answer", "answered what gridstatus does not understand", error)
        if frame is not None:
            records += _records(frame)
    return {"records": records, "days": len(days), "unsupported": unsupported}


def _records(frame: Any) -> list[dict[str, Any]]:
    import pandas as pd  # noqa: PLC0415

    times = {
        name: column.map(_written) for name, column in frame.items() if isinstance(column.dtype, pd.DatetimeTZDtype)
    }
    named = frame.assign(**times).rename(columns=str)
    plain = named.astype(object).where(named.notna(), None)
    return [dict(record) for record in plain.to_dict("records")]


def _written(moment: Any) -> str | None:
    return None if moment != moment else moment.isoformat()  # noqa: PLR0124 - NaT is not equal to itself


def _refused_or_later(status: int, retry_after: str | None, error: Exception) -> dict[str, Any]:
    causes = {401: "refused", 403: "refused", 429: "rate_limited"}
    return {**_failure(causes.get(status, "server_error"), f"answered {status}", error), "retry_after": retry_after}


def _failure(cause: str, reason: str, error: Exception) -> dict[str, Any]:
    said = " ".join(f"{type(error).__name__}: {error}".split())[:WORDS_SHOWN]
    return {"cause": cause, "reason": f"{reason} ({said})", "retry_after": None}


def main() -> None:
    """Answer the request on stdin."""
    request = orjson.loads(sys.stdin.buffer.read())
    with redirect_stdout(sys.stderr):
        written = orjson.dumps(answer(request), option=orjson.OPT_SERIALIZE_NUMPY, default=str)
    sys.stdout.buffer.write(written)


if __name__ == "__main__":
    main()
