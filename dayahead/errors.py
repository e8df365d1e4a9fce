"""Every error that Dayahead raises on purpose; a test compares this tree with the classes.

DayaheadError
├── SettingsError            a setting, a source file or a command-line value is wrong
├── ContractError            a message or a record breaks its contract (carries a DeadLetterCode)
├── SourceError              a source API did not give what it promised
│   ├── SourceUnavailable    it may answer later: retried, with backoff
│   ├── MalformedAnswer      a document is not as its publisher describes it; its reader decides what follows
│   └── SourceRefused        it will not: a wrong dataset, a malformed query
├── ReplayRefused            a dead letter cannot be put back as it is
├── DeliveryFailed           a receiver did not take a webhook: retried until the event is too old
│   └── DeliveryRefused      its answer is about this event: others are sent meanwhile
├── ReceiverGone             a receiver of webhooks wants no more of them
├── BrokerUnavailable        Kafka did not take a message in time: what was not acknowledged is sent again
├── StorageError             TimescaleDB or Redis answered in a way that a retry does not cure
│   ├── FencedError          another worker owns the partition now: this one must end
│   └── CopyUnusableError    Redis has no usable copy of the windows: they are read from TimescaleDB
├── ReleaseError             a model release is missing, damaged or of another version
│   ├── AlreadyChampionError  the release that is to be promoted serves already
│   └── NothingToRollBackError  no champion comes before the present one
├── ReportError              a report of drift and accuracy is missing, or could not be made
├── NotEnoughHistoryError    too few hours to fit or to judge a model
├── MachineCodeError         the rules of the hot path could not be translated for this processor
├── StackError               the local stack cannot start
├── Stopped                  no failure: the process was asked to stop, what was begun is repeated by the next one
├── CannotSpillError         a file cannot be divided by day on disk: it is read whole (reading/files/spilled_tables.py)
├── NotYetError              a started service does not answer as it should (deploy/release/smoke.py)
├── RolloutError             the cluster does not have the wanted version (deploy/release/rollout.py)
├── ClientError              a request of the Python client failed (dayahead/client/errors.py)
│   ├── Unreachable          no answer
│   ├── UnexpectedAnswer     an answer that the API does not give
│   └── AnsweredError        the API answered with an error
│       ├── NotFound         404
│       ├── NotAllowed       401, 403
│       ├── Refused          any other 4xx
│       ├── TooManyRequests  429
│       └── ServerFailed     5xx
├── Problem                  an HTTP error on its way to a client of the API (api/problems.py)
├── CannotReplay             the event stream cannot resume where its client was (api/replay.py)
└── ApiError                 an HTTP error of `dayahead replay`, in the words of the real API (ingest/replay/query.py)

The last three are made by one service for its own clients and are defined there. A private class (`_Away`) never leaves
its module. A message names the thing, the value and what to do about it.
"""

from enum import StrEnum


class DeadLetterCode(StrEnum):
    """Why a message, a row or a record was set aside; the code is a header of the dead letter and a metric label."""

    NOT_JSON = "not_json"
    NOT_A_BATCH = "not_a_batch"
    NOT_WEATHER = "not_weather"
    BAD_ROW = "bad_row"
    BAD_SERIES_ID = "bad_series_id"
    BAD_TIME = "bad_time"
    NOT_ON_THE_HOUR = "not_on_the_hour"
    FUTURE_HOUR = "future_hour"
    FUTURE_PUBLICATION = "future_publication"
    BEFORE_OLDEST = "before_oldest"
    MISSING_FIELD = "missing_field"
    NULL_VALUE = "null_value"
    NOT_A_NUMBER = "not_a_number"
    ABSURD_VALUE = "absurd_value"
    CONTRADICTION = "contradiction"
    REGISTER_RESET = "register_reset"
    NO_HOURLY_VALUES = "no_hourly_values"
    MISROUTED = "misrouted"
    UNKNOWN_SOURCE = "unknown_source"
    UNKNOWN_LABEL = "unknown_label"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    FAILED = "failed"


class DayaheadError(Exception):
    """The root: the command line prints errors that derive from it as a sentence, without a traceback."""


class SettingsError(DayaheadError):
    """A setting, a source file or a command-line value is wrong; the message says which and what is allowed."""


class ContractError(DayaheadError):
    """A message or a record breaks its contract and belongs to the dead letters."""

    def __init__(self, code: DeadLetterCode, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class SourceError(DayaheadError):
    """A source API did not give what it promised."""


class SourceUnavailable(SourceError):  # noqa: N818 - reads as what happened, like httpx's own names
    """The source may answer later.

    Attributes:
        retry_after_s: what it asked for, in seconds, if it did.
        cause: in a word, for a metric label: `unreachable`, `rate_limited`, `server_error`, `bad_answer`, `no_file`,
            `no_hours`, `no_run`.
    """

    def __init__(self, message: str, retry_after_s: float | None = None, cause: str = "unreachable") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.cause = cause


class SourceRefused(SourceError):  # noqa: N818
    """The source will not answer this request however often it is sent."""


class MalformedAnswer(SourceError):  # noqa: N818
    """A document of a source is not as its publisher describes it; the message says what it is instead."""


class BrokerUnavailable(DayaheadError):  # noqa: N818
    """Kafka did not take a message in time; the sender keeps what was not acknowledged and sends it again."""


class DeliveryFailed(DayaheadError):  # noqa: N818
    """A receiver did not take a webhook; a later attempt may succeed.

    Attributes:
        retry_after_s: what it asked for, in seconds, if it did.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeliveryRefused(DeliveryFailed):
    """A receiver answered that it does not take an event; it may take others."""


class ReceiverGone(DayaheadError):  # noqa: N818
    """A receiver of webhooks answered that it wants no more of them."""


class ReplayRefused(DayaheadError):  # noqa: N818
    """A dead letter cannot be put back as it is; the message says what can be done."""


class StorageError(DayaheadError):
    """A store answered in a way that waiting does not cure."""


class FencedError(StorageError):
    """The partition's offset moved under this worker: another one owns it, so nothing may be written any more."""


class CopyUnusableError(StorageError):
    """There is no such copy of the windows, it is damaged, or another version of the code wrote it."""


class ReleaseError(DayaheadError):
    """A model release is missing, damaged or of a version that this code does not read."""


class AlreadyChampionError(ReleaseError):
    """The release that is to be promoted serves already: there is nothing to do."""


class NothingToRollBackError(ReleaseError):
    """No champion comes before the present one."""


class ReportError(DayaheadError):
    """A report of drift and accuracy is missing, or could not be made."""


class NotEnoughHistoryError(DayaheadError):
    """There are too few hours to fit or to judge a model; the message says how many and how many are needed."""


class MachineCodeError(DayaheadError):
    """The rules of the hot path could not be translated for this processor; the message says how to see why."""


class StackError(DayaheadError):
    """The local stack cannot start; the message says what stands in the way."""


class Stopped(DayaheadError):  # noqa: N818 - not a failure
    """The process was asked to stop; what was begun is left as it is, and repeated by the next process."""
