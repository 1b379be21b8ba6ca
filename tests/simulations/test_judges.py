import numpy as np
import pytest

from prefgym.simulations.judges import JUDGES, Judge, find_judge, rate


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


def test_a_lenient_judge_rates_higher():
    criteria = np.full((5000, 1), 0.4)
    strict, lenient = (
        rate(JUDGES[name], criteria, rng=np.random.default_rng(0)).mean()
        for name in ("expert", "lenient")
    )
    assert lenient - strict == pytest.approx(0.8, abs=0.05)


def test_without_insight_ratings_tell_nothing():
    rng = np.random.default_rng(0)
    criteria = rng.random((20_000, 1))
    found = rate(Judge("blind", insight=0.0), criteria, rng=rng)
    assert abs(np.corrcoef(found[:, 0], criteria[:, 0])[0, 1]) < 0.02


def test_wrong_judges_and_criteria_are_refused():
    with pytest.raises(ValueError, match=r"insight of judge 'x' must be in \[0, 1\], got 2"):
        Judge("x", insight=2.0)
    with pytest.raises(ValueError, match="judge must be one of exact, expert"):
        find_judge("oracle")
    with pytest.raises(ValueError, match=r"criteria must lie in \[0, 1\]"):
        rate(JUDGES["exact"], np.array([[-0.5]]), rng=np.random.default_rng(0))
