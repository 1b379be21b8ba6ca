import numpy as np

from prefgym.envs.text_summary import TextConfig
from prefgym.simulations.summarizers import (
    best_of,
    greedy,
    lead,
    lexrank,
    most_central,
    random_picks,
)
from prefgym.simulations.text_worlds import STOP

HUB = "The ferry sank at noon. The ferry company and the harbour said why. The harbour closed. \
The company paid. Bread is dear."


def total(numbers: np.ndarray, picks: np.ndarray) -> np.ndarray:
    """A value to raise: the sum of the numbers picked, and a bit for rising order."""
    chosen = np.where(picks == STOP, 0, picks)
    rising = (np.diff(picks, axis=1) > 0).sum(axis=1)
    return chosen.sum(axis=1) + 0.1 * rising


def test_lead_is_the_first_sentences_and_skips_rewordings() -> None:
    reading = TextConfig(corpus="articles").reading(1)
    assert lead(reading, 3)[0].tolist() == [0, 1, 2, STOP]
    for source, picks in zip(reading.texts, lead(reading, 4), strict=True):
        assert [source.units[unit].text for unit in picks] == list(source.sentences[:4])


def test_the_sentence_that_others_speak_of_ranks_first() -> None:
    reading = TextConfig(text=HUB).reading(1)
    assert lexrank(reading, 1)[0, 0] == 1
    assert most_central(reading, 1)[0, 0] == 1
    assert (np.diff(lexrank(reading, 3)[0, :3]) > 0).all()  # in the order of the text


def test_a_length_limit_keeps_the_best_sentence_at_least() -> None:
    reading = TextConfig(text=HUB).reading(1)
    assert lexrank(reading, 3, max_length=1.0)[0].tolist() == [1, STOP, STOP, STOP]
    length = reading.table["length"][0, lexrank(reading, 4, max_length=14.0)[0, :2]]
    assert length.sum() <= 14


def test_greedy_takes_what_helps_most_and_may_insert_it() -> None:
    reading = TextConfig(text=HUB, budget=3).reading(1)
    assert greedy(reading, total)[0].tolist() == [4, 3, 2]
    assert greedy(reading, total, insert=True)[0].tolist() == [2, 3, 4]


def test_greedy_stops_when_nothing_helps() -> None:
    reading = TextConfig(text=HUB).reading(1)
    assert (greedy(reading, lambda n, picks: -(picks != STOP).sum(axis=1))[0, 1:] == STOP).all()


def test_the_best_of_many_is_the_best_of_those() -> None:
    reading = TextConfig(text=HUB, budget=3).reading(1)
    rng = np.random.default_rng(0)
    assert sorted(best_of(reading, 400, 3, total, rng=rng)[0].tolist()) == [2, 3, 4]


def test_random_picks_are_different_units_that_exist() -> None:
    reading = TextConfig().reading(1)
    for picks, count in zip(
        random_picks(reading, 5, rng=np.random.default_rng(0)),
        reading.table["num_units"],
        strict=True,
    ):
        assert len(set(picks.tolist())) == 5
        assert picks.max() < count
