"""When a forecast is expired: more of its time is over than lies ahead."""

from datetime import datetime, timedelta

HOUR = timedelta(hours=1)


def is_expired(origin: datetime, leads: int, publication_lag: timedelta, now: datetime) -> bool:
    """Tell whether less lies ahead of a forecast than has passed since its newest hour was due.

    The hours that were over before the newest hour could be published do not count: a source that is a week late is
    forecast across that week, and its forecast is of use as long as another one's. `SERIES` in
    `dayahead/storage/status.py` asks the same in SQL.

    Args:
        origin: start of the last observed hour that the forecast uses.
        leads: hours that it holds; a forecast without any is no forecast, and does not expire.
        publication_lag: of its source.
        now: of its source (`Source.now`).
    """
    end = origin + HOUR * (leads + 1)
    return leads > 0 and (end <= now or end - now < now - (origin + publication_lag))


def expired_reason(origin: datetime, leads: int, now: datetime) -> str:
    """Why an expired forecast is expired, in words."""
    left_h = max((origin + HOUR * (leads + 1) - now) / HOUR, 0)
    ahead = f"its last {left_h:.0f} h lie ahead" if left_h >= 1 else "none of its hours lies ahead"
    return f"the forecast was made from hour {origin:%Y-%m-%dT%H}Z and {ahead}: no newer hour has been observed since"
