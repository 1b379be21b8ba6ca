from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from prefgym.simulations.judges import JUDGES, Judge, find_judge, level_prob, rate


def test_an_exact_judge_reads_the_criterion_off():
    criteria = np.array([[0.0, 0.25, 0.5, 0.75, 1.0]])
    found = rate(JUDGES["exact"], criteria, rng=np.random.default_rng(0))
    assert found.tolist() == [[1.0, 2.0, 3.0, 4.0, 5.0]]


def test_ratings_are_levels_and_their_noise_is_as_asked():
    rng = np.random.default_rng(0)
    found = rate(Judge("noisy", noise=0.7), np.full((100_000, 1), 0.5), rng=rng)
    assert set(np.unique(found)) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    # rounding adds 1/12 to the variance; the ends cut next to nothing here
    assert found.var() == pytest.approx(0.7**2 + 1 / 12, rel=0.02)
    assert found.mean() == pytest.approx(3.0, abs=0.01)


def test_default_thresholds_round_to_the_nearest_level():
    criteria = np.random.default_rng(0).random((2000, 3))
    judge = Judge("plain", noise=0.5, bias=0.3, insight=0.8)
    noise = 0.5 * np.random.default_rng(1).standard_normal(criteria.shape)
    latent = 3 + 0.8 * (4 * criteria - 2) + 0.3 + noise
    found = rate(judge, criteria, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(found, np.clip(np.rint(latent), 1, 5))


def test_the_level_counts_the_thresholds_below():
    """Latents 1, 2, 2.2, 3, 4.6 and 5; one that lies at a threshold has not passed it."""
    judge = Judge("own scale", noise=0.0, thresholds=(1.2, 2.0, 3.0, 4.8))
    criteria = np.array([[0.0, 0.25, 0.3, 0.5, 0.9, 1.0]])
    found = rate(judge, criteria, rng=np.random.default_rng(0))
    assert found.tolist() == [[1.0, 2.0, 3.0, 3.0, 4.0, 5.0]]
    halves = rate(JUDGES["exact"], np.array([[0.125, 0.375]]), rng=np.random.default_rng(0))
    assert halves.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("name", ["expert", "lenient", "crowd"])
@pytest.mark.parametrize("criterion", [0.0, 0.45, 0.8])
def test_levels_come_as_often_as_the_normal_distribution_says(name, criterion):
    judge = JUDGES[name]
    latent = 3 + judge.insight * (4 * criterion - 2) + judge.bias
    up_to = scipy.stats.norm.cdf(
        np.array([-np.inf, *judge.thresholds, np.inf]), latent, judge.noise
    )
    prob = np.diff(up_to)
    np.testing.assert_allclose(level_prob(judge, np.array([[criterion]]))[0, 0], prob, atol=1e-12)
    found = rate(judge, np.full((50_000, 1), criterion), rng=np.random.default_rng(0))
    counts = [(found == level).sum() for level in range(1, 6)]
    for count, p in zip(counts, prob, strict=True):
        assert scipy.stats.binomtest(int(count), 50_000, min(p, 1.0)).pvalue > 1e-4


def test_without_noise_there_are_no_probabilities():
    with pytest.raises(ValueError, match="noise of judge 'exact' must be > 0"):
        level_prob(JUDGES["exact"], np.array([[0.5]]))


def agreement(reference, said):
    """Share of pairs that the reference decides which are ordered alike; ties count half."""
    first, second = np.triu_indices(len(reference), 1)
    expected = np.sign(reference[first] - reference[second])
    found = np.sign(said[first] - said[second])
    return ((1 + expected * found) / 2)[expected != 0].mean()


def test_two_experts_agree_as_people_do_and_the_crowd_by_chance():
    """Criteria with about the mean (0.59) and SD (0.27) of SummEval's coherence."""
    rng = np.random.default_rng(0)
    criteria = rng.beta(1.4, 1.0, size=(1500, 1))
    one, two = (rate(JUDGES["expert"], criteria, rng=rng)[:, 0] for _ in range(2))
    assert 0.72 < agreement(one, two) < 0.88
    worker = rate(JUDGES["crowd"], criteria, rng=rng)[:, 0]
    assert agreement(criteria[:, 0], worker) == pytest.approx(0.5, abs=0.03)


def test_a_lenient_judge_rates_higher():
    criteria = np.full((5000, 1), 0.4)
    strict, lenient = (
        rate(judge, criteria, rng=np.random.default_rng(0)).mean()
        for judge in (Judge("strict"), Judge("lenient", bias=0.8))
    )
    assert lenient - strict == pytest.approx(0.8, abs=0.05)
    assert JUDGES["lenient"] == replace(JUDGES["expert"], name="lenient", bias=0.8)


def test_without_insight_ratings_tell_nothing():
    rng = np.random.default_rng(0)
    criteria = rng.random((20_000, 1))
    found = rate(Judge("blind", insight=0.0), criteria, rng=rng)
    assert abs(np.corrcoef(found[:, 0], criteria[:, 0])[0, 1]) < 0.02


def test_a_contrary_judge_turns_the_scale_round():
    criteria = np.array([[0.0, 0.25, 0.5, 1.0]])
    contrary = Judge("contrary", noise=0.0, insight=-1.0)
    found = rate(contrary, criteria, rng=np.random.default_rng(0))
    assert found.tolist() == [[5.0, 4.0, 3.0, 1.0]]


def test_wrong_judges_and_criteria_are_refused():
    with pytest.raises(ValueError, match=r"insight of judge 'x' must be in \[-1, 1\], got 2"):
        Judge("x", insight=2.0)
    for thresholds in ((1.5, 2.5, 2.5, 4.5), (4.0, 3.0, 2.0, 1.0), (1.0, 2.0, 3.0, np.inf)):
        with pytest.raises(ValueError, match="thresholds of judge 'x' must be four finite, inc"):
            Judge("x", thresholds=thresholds)
    with pytest.raises(ValueError, match="judge must be one of exact, expert"):
        find_judge("oracle")
    with pytest.raises(ValueError, match=r"criteria must lie in \[0, 1\]"):
        rate(JUDGES["exact"], np.array([[-0.5]]), rng=np.random.default_rng(0))
