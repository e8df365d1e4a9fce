import time

import psycopg
import pytest

from tests.trainer.filling import NOW, fill, read_sample
from trainer.settings import load_training_settings
from trainer.train import Training

pytestmark = pytest.mark.servers


def test_a_training_on_the_sample_beats_the_naive_and_is_promoted(database_url: str) -> None:
    fill(database_url, read_sample())
    settings = load_training_settings(environ={})
    with psycopg.connect(database_url) as connection:
        begun = time.monotonic()
        result = Training(connection, settings, lambda: NOW).run("command", "test")
        print(result.seconds, time.monotonic() - begun)
        for check in result.gate.checks:
            print(check)
        for s, f in result.judged.items():
            print(s, f)
        print(result.outcome, result.release, result.quarantined, result.learnt)
