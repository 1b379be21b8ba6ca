import numpy as np
import pytest

from prefgym.agents.teacher_pieces import (
    PIECES,
    Clips,
    latency_rows,
    outside,
    piece_rows,
    verdict,
)


def clips(num_queries: int = 400) -> Clips:
    """Four criteria, of which discounting takes something away."""
    rng = np.random.default_rng(0)
    criteria = rng.normal(-5.0, 2.0, (num_queries, 2, 4))
    recent = criteria - rng.random(criteria.shape)
    return Clips({1.0: criteria, 0.9: recent}, np.array([0.1, 0.3, 1.0, 0.1]))


def test_every_piece_is_realised_as_often_as_its_closed_form_says() -> None:
    rows = piece_rows(clips())
    assert [row[0] for row in rows] == list(PIECES)
    assert outside(rows) <= 1  # of 36 verdicts at 99 %
    assert {row[-1] for row in rows} == {"100000 / 100000"}


def test_seconds_are_realised() -> None:
    rows = latency_rows()
    assert [row[0] for row in rows] == ["0", "0.5", "1", "2"]
    assert rows[0][1] == "6.00 s"
    assert outside(rows) == 0


def test_a_share_that_is_off_is_seen() -> None:
    happened = np.arange(10_000) < 5200
    assert "OUTSIDE" in verdict(happened, np.full(10_000, 0.5))
    assert outside([[verdict(happened, np.full(10_000, 0.5))]]) == 1
    assert verdict(happened, np.full(10_000, 0.52)).startswith("0.5200 in 0.50")


def test_events_of_different_probability_vary_less_than_coin_flips() -> None:
    """A quarter sure, a quarter impossible, half coin flips: sd 0.5 sqrt(n / 2) / n."""
    prob = np.repeat([1.0, 0.0, 0.5, 0.5], 2500)
    low, high = verdict(prob > 0.4, prob).split()[2].split("..")
    half = (float(high) - float(low)) / 2
    assert half == pytest.approx(2.576 * 0.5 * 5000**0.5 / 10_000, abs=1e-4)
