"""The page's functions that need no browser, run by Deno: `tests/page/*_test.js`."""

import os
import subprocess
from pathlib import Path

from deno import find_deno_bin

FOLDER = Path(__file__).parent


def test_the_pure_functions_of_the_page_do_what_their_tests_say() -> None:
    command = [find_deno_bin(), "test", "--no-lock", "--no-config", "--allow-net=127.0.0.1", str(FOLDER)]
    plain = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=plain)
    assert done.returncode == 0, done.stdout + done.stderr
    files = len(list(FOLDER.glob("*_test.js")))
    assert done.stdout.count("running ") == files
    assert "| 0 failed" in done.stdout
