import numpy as np
import pytest

from prefgym.agents.overoptimisation import GaoCurve, fit_gao


def test_a_curve_is_found_again() -> None:
    distance = np.linspace(0, 5, 20)
    found = fit_gao(distance, GaoCurve(0.7, 0.4, 1.0).gain(distance))
    assert (found.alpha, found.beta) == pytest.approx((0.7, 0.4))
    assert found.r_squared == pytest.approx(1.0)
    fine = np.linspace(0.01, 10, 5000)
    assert fine[found.gain(fine).argmax()] == pytest.approx(np.exp(0.7 / 0.4 - 1), abs=0.01)


def test_noise_is_not_explained() -> None:
    rng = np.random.default_rng(0)
    assert fit_gao(rng.uniform(1, 4, 200), rng.standard_normal(200)).r_squared < 0.2


def test_too_little_to_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="got 2 distances and 2 gains"):
        fit_gao(np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="got the same everywhere"):
        fit_gao(np.arange(3.0), np.ones(3))
