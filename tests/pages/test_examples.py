"""Every code block of the pages is run by test_written_examples_on_servers.py, or says why not."""

import shlex

import pytest

from tests.pages.examples import Command, Example, commands_of, examples, matches

RUN = {"console", "json", "python", "yaml", "csv"}


@pytest.mark.parametrize("example", examples(), ids=str)
def test_a_block_can_be_run_or_says_why_not(example: Example) -> None:
    if example.mark == "not run":
        assert len(example.value.split()) >= 4, f"{example}: give the reason in a few words"
        return
    assert example.language in RUN, f"{example}: a {example.language} block is neither run nor marked"
    assert example.language not in {"yaml", "csv"} or example.mark == "file", f"{example}: name it with file: NAME"
    if example.language == "console":
        assert commands_of(example.text)
        for command in commands_of(example.text):
            shlex.split(command.text)


def test_the_pages_have_examples_of_each_kind() -> None:
    assert {example.language for example in examples() if example.mark != "not run"} >= {
        "console",
        "json",
        "yaml",
        "csv",
    }


def test_commands_are_read_with_their_continuations_and_output() -> None:
    text = "$ one \\\n    --more\nit says\nthis\n$ two\n"
    assert commands_of(text) == [Command("one \\\n    --more", "it says\nthis\n"), Command("two", "")]


def test_only_an_ellipsis_matches_anything() -> None:
    assert matches('{"a": 1,\n "b": "…"}', '{"a":1,"b":"2024"}\n')
    assert not matches('{"a": 1, "b": "…"}', '{"a":2,"b":"2024"}')
