import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from prefgym.simulations.corpora import sources
from prefgym.simulations.reading import Reading
from prefgym.simulations.text_worlds import STOP

TASTE = np.array([0.35, 0.25, 0.25, 0.15, 1.0, 0.4])
BUDGET = 4
NUM_READERS = 3
EVERYONE = np.ones(NUM_READERS, bool)


def started(corpus="articles", budget=BUDGET):
    reading = Reading(NUM_READERS, sources(corpus, "en", "train")[:5], budget, TASTE)
    outcome = reading.empty_outcome()
    reading.start(EVERYONE, np.array([0, 2, 4]), outcome.observations, outcome.states)
    return reading, outcome


def trace(num_steps, **settings):
    """Returns a digest of everything that readers see and are told, texts begun anew included."""
    reading, outcome = started(**settings)
    digest = hashlib.sha256(outcome.observations.tobytes() + outcome.states.tobytes())
    rng = np.random.default_rng(0)
    for _ in range(num_steps):
        outcome = reading.step(rng.integers(0, STOP + 1, NUM_READERS))
        for array in outcome:
            digest.update(array.tobytes())
        reading.start(
            outcome.ended, rng.integers(0, 5, NUM_READERS), outcome.observations, outcome.states
        )
        digest.update(outcome.observations.tobytes() + outcome.states.tobytes())
    return digest.hexdigest()


SETTINGS = ({}, {"corpus": "sunsets", "budget": 8})


def test_without_the_jit_the_same_code_gives_the_same_bytes():
    script = (
        "import sys, warnings; warnings.simplefilter('error')\n"
        f"sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
        "import numba; assert numba.config.DISABLE_JIT\n"
        "from test_reading import SETTINGS, trace\n"
        "for settings in SETTINGS: print(trace(30, **settings))\n"
    )
    plain = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert plain.stdout.split() == [trace(30, **settings) for settings in SETTINGS]


def test_what_is_handed_out_is_not_written_again():
    reading, first = started()
    second = reading.step(np.array([3, 1, STOP]))
    kept = [array.copy() for array in (first.observations, first.states, *second)]
    reading.step(np.array([5, 2, STOP]))
    third = reading.empty_outcome()
    reading.start(EVERYONE, np.array([1, 1, 1]), third.observations, third.states)
    for array, copy in zip((first.observations, first.states, *second), kept, strict=True):
        assert array.tobytes() == copy.tobytes()


def test_sights_overwritten_by_their_owner_stay_whole_for_the_reader():
    reading, _ = started()
    again, _ = started()
    reading.step(np.array([3, 1, 0])).observations[:] = np.nan
    again.step(np.array([3, 1, 0]))
    actions = np.array([4, 2, 5])
    assert (
        reading.step(actions).observations.tobytes() == again.step(actions).observations.tobytes()
    )


def test_a_wrong_action_moves_nobody():
    reading, _ = started()
    again, _ = started()
    for wrong in (-1, STOP + 1):
        with pytest.raises(ValueError, match=rf"got {wrong} in world 2"):
            reading.step(np.array([0, 1, wrong]))
    actions = np.array([0, 1, 2])
    for array, expected in zip(reading.step(actions), again.step(actions), strict=True):
        assert array.tobytes() == expected.tobytes()
