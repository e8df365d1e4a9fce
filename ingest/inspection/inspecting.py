"""Runs an inspection: asks what the file does not say, shows the source file and what is read with it, writes it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from dayahead.errors import SettingsError, SourceRefused
from dayahead.reading.source_file import source_of
from dayahead.source import Source
from ingest.inspection.located import Located
from ingest.inspection.proposal import Answers, Proposal, Question
from ingest.inspection.propose import propose
from ingest.inspection.reading import ReadResult, read_result
from ingest.inspection.shown import Say, show_result

Ask = Callable[[Question], str]

MOST_QUESTIONS = 20
OPEN = 2
"""Exit code where questions are open: the file was not written."""


class Inspection:
    """One run of `dayahead sources inspect`."""

    def __init__(self, located: Located, answers: Answers, *, ask: Ask | None, say: Say) -> None:
        """Store the arguments.

        Args:
            located: what is inspected.
            answers: from the command line.
            ask: asks a person; None: there is no terminal.
            say: prints a line.
        """
        self._located, self._answers, self._ask, self._say = located, answers, ask, say

    def run(self, write: Path | None, now: datetime) -> int:
        """Inspect, and write the source file if nothing is open.

        Args:
            write: where to; None: nowhere.
            now: the present moment.

        Returns:
            The exit code: 0, or 2 where questions are open.

        Raises:
            SettingsError: an answer is wrong, or the file cannot be written.
            SourceError: the file cannot be read.
        """
        if write is not None and write.exists():
            raise SettingsError(f"{write} exists: remove it, or write another file")
        if write is not None and not write.parent.is_dir():
            raise SettingsError(f"folder {write.parent} does not exist: make it, or write to another one")
        folder = write.parent if write is not None else Path()
        proposal = self._proposal(folder)
        self._say(proposal.text())
        if proposal.questions:
            self._show_questions(proposal.questions)
            return OPEN
        source = source_of(proposal.values(), folder)
        show_result(self._read(source, now), source, self._say)
        if write is not None:
            write.write_text(proposal.text(), encoding="utf-8")
            self._say(f"written: {write}")
        return 0

    def _proposal(self, folder: Path) -> Proposal:
        raw, place = self._located.raw(self._answers), self._located.place(folder)
        before = self._answers
        for _ in range(MOST_QUESTIONS):
            try:
                proposal = propose(raw, self._answers, place)
            except (SettingsError, SourceRefused) as error:
                if self._answers == before:
                    raise
                self._say(str(error))
                self._answers = before
                continue
            if self._ask is None or not proposal.questions:
                return proposal
            question, before = proposal.questions[0], self._answers
            self._answers = replace(before, **{question.option.replace("-", "_"): self._ask(question)})
        return proposal

    def _read(self, source: Source, now: datetime) -> ReadResult:
        return read_result(self._located.answer(source), source, now)

    def _show_questions(self, questions: Sequence[Question]) -> None:
        self._say("The file does not say everything; answer with these options:")
        for question in questions:
            self._say(f"  {question.usage}")
            self._say(f"      {question.text}")
            if question.evidence:
                self._say(f"      ({question.evidence})")
