"""What an inspection finds: fields of a source file, each with its evidence, and open questions."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import yaml

COMMENT_COLUMN = 44


@dataclass(frozen=True)
class Said:
    """A value of a field.

    Attributes:
        value: of the field.
        why: the evidence, for a person.
    """

    value: Any
    why: str


@dataclass(frozen=True)
class Question:
    """What the file does not say.

    Attributes:
        option: that answers it, without dashes: `time-label`.
        text: the question.
        choices: usual answers; others may be possible.
        evidence: what the file shows; may be empty.
    """

    option: str
    text: str
    choices: Sequence[str] = ()
    evidence: str = ""

    @property
    def field(self) -> str:
        """The field of the source file that it is about."""
        return "value_column" if self.option == "value" else self.option.replace("-", "_")

    @property
    def usage(self) -> str:
        """The option with its choices, as a command line has it."""
        return f"--{self.option} {'|'.join(self.choices) or 'TEXT'}"


@dataclass(frozen=True)
class Answers:
    """What a person says about a file; None: nothing. `value` and `keys` name columns, separated by commas."""

    name: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    sheet: str | None = None
    time_columns: str | None = None
    time_format: str | None = None
    time_label: str | None = None
    time_zone: str | None = None
    keys: str | None = None
    value: str | None = None
    unit: str | None = None
    quantity: str | None = None
    off_hour: str | None = None

    def given(self) -> Mapping[str, str]:
        """The answers that there are."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not None}


BY_OPTION = "as answered"


@dataclass
class Proposal:
    """A source file to be.

    Attributes:
        fields: in the order of the file.
        questions: that must be answered before it is one.
        hints: lines at its end that may be of use, as comments.
    """

    fields: dict[str, Said] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def add(self, name: str, value: object, why: str) -> None:
        """Add a field."""
        self.fields[name] = Said(value, why)

    def values(self) -> dict[str, Any]:
        """The fields without their evidence."""
        return {name: said.value for name, said in self.fields.items()}

    def text(self) -> str:
        """The source file, with a comment on each line."""
        asked = {question.field for question in self.questions}
        lines = [
            _line(f"{name}: {_as_yaml(said.value)}", said.why)
            for name, said in self.fields.items()
            if name not in asked
        ]
        lines += [_on_one_line(f"# {question.field}: ?  {question.text}") for question in self.questions]
        return "\n".join([*lines, *(f"# {hint}" for hint in self.hints)]) + "\n"


def _line(setting: str, why: str) -> str:
    return f"{setting:<{COMMENT_COLUMN - 1}} # {_on_one_line(why)}" if why else setting


def _on_one_line(comment: str) -> str:
    """A comment without line ends: names of columns in a workbook may have some."""
    return re.sub(r"\s*[\r\n]\s*", " ", comment)


def _as_yaml(value: object) -> str:
    """A value on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1_000_000, allow_unicode=True).strip()
    text = text.removesuffix("\n...").strip()
    return json.dumps(value, ensure_ascii=False) if "\n" in text else text  # JSON is YAML, and on one line
