"""The interface of a kind of source: its additional fields in a source file, and its reader.

A new kind is one module in `dayahead/reading/kinds/`, or in a package that names the module in the entry-point group
`dayahead.source_kinds`. Nothing else knows the kinds (docs/sources.md, "A new kind of source").
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, ValidationError, ValidationInfo

from dayahead.errors import SettingsError
from dayahead.hours import Clock
from dayahead.reading.http.budget import Budgets
from dayahead.reading.reader import Reader
from dayahead.retry import Pause
from dayahead.source import Source

FOLDER = "folder"


def _from_the_folder(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get(FOLDER)
    return path if folder is None else (folder / path).resolve()


SourcePath = Annotated[Path, AfterValidator(_from_the_folder)]
"""A path in a source file, relative to the folder of that file."""


class KindFields(BaseModel):
    """Base class of the additional fields of a kind, each with a description."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    @classmethod
    def of(cls, source: Source) -> Self:
        """The fields of a source of this kind.

        Raises:
            SettingsError: a field is missing or invalid.
        """
        try:
            return cls.model_validate(source.model_extra or {})
        except ValidationError as error:
            faults = ", ".join(kind_faults(source.kind, error))
            raise SettingsError(f"source {source.name}: {faults}") from error


@dataclass(frozen=True)
class Surroundings:
    """The context that a process passes to its readers.

    Attributes:
        clock: the present moment.
        pause: waits; returns True when the process is stopping.
        resources: closes what a reader opens.
        base_url: URL to poll instead of the source file's, e.g. of a replay.
        min_request_interval_s: minimum seconds between two requests for a dataset of Energi Data Service.
        request_timeout_s: timeout of connecting and of each read, in seconds.
        answer_timeout_s: seconds from a request to the last byte of its response.
        max_records: of one response; longer ones are read in pages; 0: no limit.
        keys: keys of publishers by their name in source files.
        budgets: requests that publishers allow, shared by all readers of the process.
    """

    clock: Clock
    pause: Pause
    resources: ExitStack
    base_url: str | None = None
    min_request_interval_s: float = 60.0
    request_timeout_s: float = 60.0
    answer_timeout_s: float = 300.0
    max_records: int = 200_000
    keys: Mapping[str, SecretStr] = field(default_factory=dict)
    budgets: Budgets = field(default_factory=Budgets)


class SourceKind(ABC):
    """A way to read the records of a source; stateless, one instance for all sources of the kind.

    Attributes:
        name: the value of `kind` in a source file.
        fields: fields that the kind adds to a source file.
        defaults: values of fields that a source of this kind may omit.
    """

    name: ClassVar[str]
    fields: ClassVar[type[KindFields]] = KindFields
    defaults: ClassVar[Mapping[str, object]] = {}

    @abstractmethod
    def reader(self, source: Source, surroundings: Surroundings) -> Reader:
        """Make the reader of a source, without reading.

        Raises:
            SettingsError: this source cannot be read.
        """

    def version(self, source: Source) -> object | None:
        """A value that changes whenever any record may have changed; None if reading all of them is expensive."""
        return None


def kind_faults(kind: str, error: ValidationError) -> list[str]:
    """Errors of the fields of a kind, as parts of a message."""
    missing = [str(fault["loc"][-1]) for fault in error.errors() if fault["type"] == "missing"]
    wrong = [fault for fault in error.errors() if fault["type"] != "missing"]
    faults = [f"kind {kind} needs {' and '.join(missing)}"] if missing else []
    return [*faults, *(f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in wrong)]
