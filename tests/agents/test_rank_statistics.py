import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from prefgym.agents.rank_statistics import adjusted_rand, kendall_tau, roc_auc

LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=12)


@pytest.mark.parametrize("seed", range(3))
def test_tau_is_scipys(seed: int) -> None:
    a, b = np.random.default_rng(seed).normal(size=(2, 15))
    assert kendall_tau(a, b) == pytest.approx(scipy.stats.kendalltau(a, b).statistic)


def test_auc_by_hand() -> None:
    positive = np.array([True, True, False, False])
    assert roc_auc(np.array([3.0, 1.0, 2.0, 1.0]), positive) == pytest.approx((2 + 0.5) / 4)
    assert math.isnan(roc_auc(np.zeros(2), np.array([True, True])))


def test_auc_is_that_of_ranks() -> None:
    rng = np.random.default_rng(0)
    score, positive = rng.normal(size=30), rng.random(30) < 0.4
    found = scipy.stats.mannwhitneyu(score[positive], score[~positive]).statistic
    assert roc_auc(score, positive) == pytest.approx(found / positive.sum() / (~positive).sum())


def test_rand_by_hand() -> None:
    # of six pairs, {0,1} is together in both; one and two pairs are together in either
    a, b = np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1])
    assert adjusted_rand(a, b) == pytest.approx((1 - 2 / 6) / (1.5 - 2 / 6))


@given(LABELS)
def test_rand_is_of_groups_and_not_of_their_names(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs, np.int64).T
    assert adjusted_rand(a, a) == 1.0
    assert adjusted_rand(a, b) == pytest.approx(adjusted_rand(b, 7 - a))
    assert adjusted_rand(a, b) <= 1.0
    sklearn = pytest.importorskip("sklearn.metrics")
    assert adjusted_rand(a, b) == pytest.approx(sklearn.adjusted_rand_score(a, b))


def test_a_random_grouping_scores_nothing() -> None:
    rng = np.random.default_rng(1)
    found = [adjusted_rand(*rng.integers(3, size=(2, 60))) for _ in range(200)]
    assert abs(np.mean(found)) < 0.01
