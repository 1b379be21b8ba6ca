import numpy as np
import pytest

from prefgym.agents.agreement import (
    agreement_with,
    level_shares,
    rater_agreement,
    within_item_sd,
)
from prefgym.agents.judge_fit import (
    expected_agreement,
    expected_sd,
    expected_truth_agreement,
    expected_usage,
    fit_crowd,
    fit_expert,
    truth_of,
)
from prefgym.simulations.judges import Judge, rate


def drawn(judge, num_raters, rng):
    """Criteria of 200 articles x 12 items in thirds of a level, and ratings of them."""
    criteria = rng.binomial(12, 0.6, size=(200, 12, 2)) / 12
    shown = np.repeat(criteria[:, :, None], num_raters, axis=2)
    found = rate(judge, shown.reshape(-1, 2), rng=rng).reshape(shown.shape)
    return criteria, found


def test_expectations_are_what_drawn_ratings_come_to():
    judge = Judge("x", noise=0.8, bias=0.2, insight=0.9, thresholds=(1.7, 2.4, 3.3, 4.2))
    criteria, ratings = drawn(judge, 3, np.random.default_rng(0))
    truth = truth_of(criteria)
    for expected, found in [
        (expected_agreement(judge, truth), rater_agreement(ratings).value),
        (expected_truth_agreement(judge, truth), agreement_with(criteria, ratings).value),
        (expected_sd(judge, truth, 3), within_item_sd(ratings).value),
        (expected_usage(judge, truth), level_shares(ratings)),
    ]:
        np.testing.assert_allclose(found, expected, atol=0.02)


def test_an_expert_is_found_again():
    expert = Judge("expert", noise=0.6, thresholds=(1.9, 2.7, 3.3, 4.0))
    criteria, ratings = drawn(expert, 3, np.random.default_rng(0))
    found = fit_expert(ratings, criteria)
    assert found.noise == pytest.approx(0.6, abs=0.05)
    assert found.thresholds == pytest.approx(expert.thresholds, abs=0.1)


def test_a_crowd_is_found_again():
    crowd = Judge("crowd", noise=0.9, bias=0.6, insight=0.1)
    criteria, ratings = drawn(crowd, 5, np.random.default_rng(0))
    found = fit_crowd(ratings, criteria)
    assert found.noise == pytest.approx(0.9, abs=0.05)
    assert found.bias == pytest.approx(0.6, abs=0.05)
    assert found.insight == pytest.approx(0.1, abs=0.05)
