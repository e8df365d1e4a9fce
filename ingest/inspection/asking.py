"""Asks a person at a terminal."""

import typer

from ingest.inspection.proposal import Question


def ask_on_terminal(question: Question) -> str:
    """Ask one question; any answer is taken, since the choices are only the usual ones."""
    typer.echo("")
    if question.evidence:
        typer.echo(f"({question.evidence})")
    answer: str = typer.prompt(f"{question.text} [{' | '.join(question.choices)}]")
    return answer.strip()
