"""At a terminal an inspection asks one question after the other, and writes the answers."""

from datetime import UTC, datetime
from pathlib import Path

from dayahead.reading.source_file import load_source
from ingest.inspection.inspecting import Inspection
from ingest.inspection.located import LocatedFile
from ingest.inspection.proposal import Answers, Question
from tests.ingest.inspection.inspecting import moments, value_at, write_csv

NOW = datetime(2024, 6, 1, tzinfo=UTC)
ANSWERS = {"time-zone": "Europe/Copenhagen", "unit": "m3", "quantity": "energy"}


class Person:
    """Answers questions and notes them."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers, self.asked = answers, list[str]()

    def answer(self, question: Question) -> str:
        self.asked.append(question.option)
        return self.answers[question.option]


def test_each_question_is_asked_once_and_its_answer_written(tmp_path: Path) -> None:
    lines = [f"{m:%Y-%m-%d %H:%M},{value_at(m)}" for m in moments("2024-01-01", 2, 30)]
    file = write_csv(tmp_path / "load.csv", "time,value", lines)
    person, said = Person(ANSWERS), list[str]()
    inspection = Inspection(LocatedFile(file), Answers(), ask=person.answer, say=said.append)
    assert inspection.run(tmp_path / "load.yaml", NOW) == 0
    assert person.asked == ["time-zone", "unit", "quantity"]
    source = load_source(tmp_path / "load.yaml")
    assert (source.time_zone, source.unit, source.quantity) == ("Europe/Copenhagen", "m3", "energy")
    assert any("48 hours of 1 series" in line for line in said)


def test_a_unit_that_is_answered_says_what_short_periods_are(tmp_path: Path) -> None:
    lines = [f"{m:%Y-%m-%d %H:%M}Z,{value_at(m)}" for m in moments("2024-01-01", 2, 30)]
    file = write_csv(tmp_path / "load.csv", "time,value", lines)
    person = Person({"unit": "kWh"})
    Inspection(LocatedFile(file), Answers(), ask=person.answer, say=lambda line: None).run(tmp_path / "load.yaml", NOW)
    assert person.asked == ["unit"]


def test_a_wrong_answer_is_asked_again(tmp_path: Path) -> None:
    lines = [f"{m:%Y-%m-%d %H:%M},{value_at(m)}" for m in moments("2024-01-01", 2)]
    file = write_csv(tmp_path / "load.csv", "time,kWh", lines)
    answers, said = iter(["Europe/Kopenhagen", "Europe/Copenhagen"]), list[str]()
    inspection = Inspection(LocatedFile(file), Answers(), ask=lambda question: next(answers), say=said.append)
    assert inspection.run(tmp_path / "load.yaml", NOW) == 0
    assert "'Europe/Kopenhagen' is no time zone" in said[0]
    assert load_source(tmp_path / "load.yaml").time_zone == "Europe/Copenhagen"


def test_a_column_that_the_file_does_not_have_is_asked_again(tmp_path: Path) -> None:
    lines = [f"{m:%Y-%m-%d %H:%M}Z,{value_at(m)},{m.hour / 7:.3f}1" for m in moments("2024-01-01", 2)]
    file = write_csv(tmp_path / "load.csv", "time,load,temperature", lines)
    answers, said = iter(["laod", "load", "kWh"]), list[str]()
    inspection = Inspection(LocatedFile(file), Answers(), ask=lambda question: next(answers), say=said.append)
    assert inspection.run(tmp_path / "load.yaml", NOW) == 0
    assert "no column laod; there are: time, load, temperature" in said[0]
    assert load_source(tmp_path / "load.yaml").value_column == "load"
