"""What a kind of source is: its own fields in a source file, and what reads its records.

A new kind is one module in `dayahead/reading/kinds/`, or in a package that names the module in the entry-point group
`dayahead.source_kinds`. Nothing else knows the kinds (docs/sources.md, "A new kind of source").
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, ValidationInfo

from dayahead.errors import SettingsError
from dayahead.hours import Clock
from dayahead.reading.reader import Reader
from dayahead.retry import Pause
from dayahead.source import Source

FOLDER = "folder"


def _from_the_folder(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get(FOLDER)
    return path if folder is None else (folder / path).resolve()


SourcePath = Annotated[Path, AfterValidator(_from_the_folder)]
"""A path in a source file, relative to the folder of that file, as its author sees it."""


class KindFields(BaseModel):
    """Fields of a source file that one kind needs, each with a description; a kind subclasses it."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    @classmethod
    def of(cls, source: Source) -> Self:
        """The fields of a source of this kind.

        Raises:
            SettingsError: a field is missing or wrong.
        """
        try:
            return cls.model_validate(source.model_extra or {})
        except ValidationError as error:
            faults = ", ".join(kind_faults(source.kind, error))
            raise SettingsError(f"source {source.name}: {faults}") from error


@dataclass(frozen=True)
class Surroundings:
    """What a process gives to the readers that it opens.

    Attributes:
        clock: the present moment.
        pause: how to wait; true when the process is asked to stop.
        resources: what a reader opens is closed with it.
        base_url: the API that is asked instead of the source file's, e.g. a replay.
        min_request_interval_s: least seconds from one request to the next.
        request_timeout_s: seconds to connect, and between two parts of an answer.
        answer_timeout_s: seconds from a request to the last byte of its answer.
        max_records: of one answer; longer ones are read in parts; 0: no limit.
    """

    clock: Clock
    pause: Pause
    resources: ExitStack
    base_url: str | None = None
    min_request_interval_s: float = 60.0
    request_timeout_s: float = 60.0
    answer_timeout_s: float = 300.0
    max_records: int = 200_000


class SourceKind(ABC):
    """One way to get the records of a source; stateless, one instance serves all sources of the kind.

    Attributes:
        name: the value of `kind` in a source file.
        fields: fields that the kind adds to a source file.
        defaults: values of fields that a source of this kind may leave out.
    """

    name: ClassVar[str]
    fields: ClassVar[type[KindFields]] = KindFields
    defaults: ClassVar[Mapping[str, object]] = {}

    @abstractmethod
    def reader(self, source: Source, surroundings: Surroundings) -> Reader:
        """What reads a source; nothing is read yet.

        Raises:
            SettingsError: this source cannot be read.
        """

    def version(self, source: Source) -> object | None:
        """What changes whenever any record may have changed; None where it is costly to read all of them."""
        return None


def kind_faults(kind: str, error: ValidationError) -> list[str]:
    """What is wrong with the fields of a kind, as parts of a message."""
    missing = [str(fault["loc"][-1]) for fault in error.errors() if fault["type"] == "missing"]
    wrong = [fault for fault in error.errors() if fault["type"] != "missing"]
    faults = [f"kind {kind} needs {' and '.join(missing)}"] if missing else []
    return [*faults, *(f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in wrong)]
