import numpy as np
import pytest

from prefgym.envs.text_summary import TextConfig
from prefgym.simulations.playback import demonstrate, play, write
from prefgym.simulations.source import join
from prefgym.simulations.text_gold import CRITERIA
from prefgym.simulations.text_worlds import STOP


def test_picks_become_the_text_and_the_gold_that_a_reader_would_get() -> None:
    reading = TextConfig().reading(2)  # fewer readers than texts
    numbers = np.array([3, 7, 3])
    picks = np.array([[4, 0, STOP, STOP, STOP], [1, 2, 3, 4, 5], [0, 4, STOP, STOP, STOP]])
    played = play(reading, numbers, picks)
    for number, row, state in zip(numbers, picks, played.states, strict=True):
        source = reading.texts[number]
        wanted = [source.units[unit].text for unit in row if unit != STOP]
        assert reading.text(state) == join(wanted, source.language)
    one = TextConfig().reading(1)
    seen = one.empty_outcome()
    one.start(np.array([True]), np.array([3]), seen.observations, seen.states)
    total = sum(one.step(np.array([action])).gains[0] for action in (4, 0, STOP))
    assert played.criteria[0] == pytest.approx(total)
    assert played.criteria.shape == (3, len(CRITERIA))


def test_who_never_stops_is_stopped_by_the_budget() -> None:
    reading = TextConfig().reading(3)
    step = iter(range(100))
    played = write(reading, np.arange(3), lambda seen: np.full(len(seen), next(step)))
    assert played.states[:, 1].tolist() == [5, 5, 5]
    assert played.states[0, 2:].tolist() == [0, 1, 2, 3, 4]


def test_who_picks_the_same_for_ever_is_stopped_too() -> None:
    reading = TextConfig().reading(2)
    played = write(reading, np.arange(2), lambda seen: np.zeros(len(seen), np.int64))
    assert played.states[:, 1].tolist() == [1, 1]


def test_a_demonstration_ends_with_the_first_stop() -> None:
    reading = TextConfig().reading(2)
    picks = np.array([[2, STOP, STOP, STOP, STOP], [1, 0, 3, 4, 5]])
    seen, done = demonstrate(reading, picks)
    assert done.tolist() == [2, 1, STOP, 0, 3, 4, 5]
    assert len(seen) == len(done)
    assert (seen[0] != seen[2]).any()  # the first source, before and after its pick
