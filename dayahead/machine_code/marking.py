"""The mark of a rule that becomes machine code."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

marked: list[Callable[..., Any]] = []
"""Functions that were marked, in the order of their definition."""

_translators: list[Callable[[Any], Any]] = []


def compiled(function: F) -> F:
    """Mark a function that the build translates, itself or within one that calls it.

    It may use numbers, arrays, constants of its module and other marked functions. Here it stays plain Python: slow,
    and what the tests hold the machine code against.
    """
    marked.append(function)
    for translate in _translators:
        function = translate(function)
    return function


def translate_with(translator: Callable[[Any], Any]) -> None:
    """Translate what is marked from now on; for the process that builds."""
    _translators.append(translator)
