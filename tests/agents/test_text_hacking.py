import numpy as np

from prefgym.agents.text_hacking import few_ratings, honest_texts
from prefgym.envs.text_summary import TextConfig
from prefgym.simulations.text_worlds import STOP


def test_honest_texts_tell_no_lie_and_nothing_twice() -> None:
    reading = TextConfig().reading(1)
    lengths = set()
    for source, picks in zip(
        reading.texts, honest_texts(reading, rng=np.random.default_rng(0)), strict=True
    ):
        units = [source.units[i] for i in picks if i != STOP]
        lengths.add(len(units))
        assert all(unit.states and not unit.contradicts for unit in units)
        assert len({unit.states for unit in units}) == len(units)
    assert lengths == {2, 3, 4, 5}


def test_bad_texts_join_the_ratings_and_the_same_seed_gives_the_same_model() -> None:
    plain = few_ratings(seed=0, negatives=False, pessimism=0.0)
    warned = few_ratings(seed=0, negatives=True, pessimism=0.0)
    assert plain.to_bytes() == few_ratings(seed=0, negatives=False, pessimism=0.0).to_bytes()
    assert (plain.net.weight != warned.net.weight).any()
