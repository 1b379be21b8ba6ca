import numpy as np
import pytest

from prefgym.feedback.batching import joint_order, power_order, spread_order


def rng(seed=0):
    return np.random.default_rng(seed)


def test_power_draws_the_first_in_proportion_to_the_score():
    score = np.array([6.0, 3.0, 1.0, 0.0])
    firsts = np.bincount(
        [power_order(score, rng=rng(seed))[0] for seed in range(4000)], minlength=4
    )
    expected = np.array([0.6, 0.3, 0.1, 0.0])
    np.testing.assert_allclose(firsts / 4000, expected, atol=4 * np.sqrt(0.25 / 4000))
    assert firsts[3] == 0


def test_power_orders_every_query_once():
    score = rng().random(50)
    assert sorted(power_order(score, rng=rng(1)).tolist()) == list(range(50))
    assert power_order(score, rng=rng(1)).tolist() == power_order(score, rng=rng(1)).tolist()
    assert sorted(power_order(np.zeros(5), rng=rng()).tolist()) == list(range(5))


def test_spread_covers_the_best_and_goes_on_by_score():
    """Five of the best six stand in one place: a batch of two takes one of them and the other."""
    points = np.array([[1.0, 0.0]] * 5 + [[0.0, 1.0]] + [[5.0, 5.0]] * 6)
    score = np.array([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, *[1.0] * 6])
    for seed in range(5):
        order = spread_order(score, points, 2, rng=rng(seed)).tolist()
        assert 5 in order[:2]
        assert len(set(order[:2]) & {0, 1, 2, 3, 4}) == 1
        rest = [i for i in range(5) if i not in order[:2]]
        assert order[2:6] == rest
        assert sorted(order) == list(range(12))


@pytest.mark.parametrize(("num_queries", "batch_size"), [(3, 3), (4, 3), (100, 5), (1, 1)])
def test_spread_orders_every_query_once(num_queries, batch_size):
    score, points = rng().random(num_queries), rng(1).normal(size=(num_queries, 2))
    order = spread_order(score, points, batch_size, rng=rng(2))
    assert sorted(order.tolist()) == list(range(num_queries))
    best = np.argsort(-score)[: max(batch_size, min(10 * batch_size, num_queries // 2))]
    assert set(order[:batch_size].tolist()) <= set(best.tolist())


def test_a_joint_batch_asks_of_two_alike_once():
    """Two queries hang on one weight, the more disputed, and a third on another."""
    members = rng().normal(size=(400, 2))
    gaps = members[:, [0, 0, 1]] * [4.5, 4.2, 3.0]
    assert np.argsort(-gaps.var(axis=0)).tolist() == [0, 1, 2]
    assert joint_order(gaps, lambda now: now.var(axis=0), 2).tolist() == [0, 2, 1]
    assert joint_order(gaps, lambda now: now.var(axis=0), 1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("batch_size", [1, 7, 30, 99])
def test_joint_orders_every_query_once(batch_size):
    gaps = rng().normal(size=(20, 30))
    order = joint_order(gaps, lambda now: np.abs(now).mean(axis=0), batch_size)
    assert sorted(order.tolist()) == list(range(30))
