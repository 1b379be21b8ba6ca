import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgym.feedback.state_entropy import Novelty, particle_entropy


def test_distance_to_the_kth_neighbour_by_hand():
    memory = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    states = np.array([[0.0, 0.0], [0.0, 4.0]])
    for neighbour, expected in ((1, [0.0, 3.0]), (2, [1.0, 3.0]), (3, [5.0, 4.0])):
        found = particle_entropy(states, memory, neighbour=neighbour)
        np.testing.assert_allclose(found, np.log1p(expected), atol=1e-7)


def test_the_farthest_counts_where_few_are_remembered():
    found = particle_entropy(np.array([[0.0]]), np.array([[1.0], [2.0]]), neighbour=5)
    assert found[0] == pytest.approx(np.log(3))


@given(st.integers(0, 999), st.integers(1, 6))
def test_it_is_the_brute_force_distance(seed, neighbour):
    rng = np.random.default_rng(seed)
    states, memory = rng.normal(size=(4, 3)), rng.normal(size=(9, 3))
    distance = np.sort(np.linalg.norm(states[:, None] - memory, axis=2), axis=1)
    found = particle_entropy(states, memory, neighbour=neighbour)
    np.testing.assert_allclose(found, np.log1p(distance[:, neighbour - 1]), atol=1e-6)


def test_a_new_place_is_worth_more_than_one_met_often():
    novelty = Novelty(1000)
    rng = np.random.default_rng(0)
    for _ in range(20):
        novelty.rate(rng.normal(size=(10, 2)))
    known, new = novelty.rate(np.array([[0.0, 0.0], [9.0, 9.0]]))
    assert new > 3 * known
    # once there are more neighbours there than count, it is new no more
    for _ in range(3):
        again = novelty.rate(np.array([[9.0, 9.0], [9.0, 9.0]]))
    assert again.max() < known


def test_rewards_come_in_units_of_their_own_spread_whatever_the_units_of_the_states():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(50, 8, 3))
    plain, scaled = Novelty(400), Novelty(400)
    for batch in states:
        one = plain.rate(batch)
        other = scaled.rate(batch * [1000.0, 1.0, 0.001] + [5.0, 0.0, 0.0])
        np.testing.assert_allclose(one, other, rtol=1e-4)
    late = np.concatenate([plain.rate(batch) for batch in states[-10:]])
    assert 0.2 < late.std() < 5.0


def test_constant_states_are_nothing_to_seek():
    novelty = Novelty(100)
    for _ in range(5):
        np.testing.assert_allclose(novelty.rate(np.ones((4, 2))), 0.0, atol=1e-6)


def test_the_oldest_are_forgotten_beyond_the_capacity():
    novelty = Novelty(8)
    novelty.rate(np.full((8, 1), 5.0))
    novelty.rate(np.arange(8.0)[:, None])
    (back,) = novelty.rate(np.array([[5.0]]))
    assert back > 0
    with pytest.raises(ValueError, match="capacity must be at least 1 state, got 0"):
        Novelty(0)
