"""Fits by hand of other people's packages: choix and crowd-kit, where they are installed."""

from itertools import permutations

import numpy as np
import pytest
import torch

from prefgym.feedback.choice import Choice
from prefgym.feedback.comparison import Comparison, Feedback
from prefgym.feedback.fit_linear import fit_linear
from prefgym.feedback.ranking import Ranking

NUM_PROBLEMS = 100
NUM_ITEMS = 6


def scores(kind: Feedback, l2: float) -> np.ndarray:
    """Our scores of items: a linear model with a column for each, and none that all share."""
    features = torch.eye(NUM_ITEMS, NUM_ITEMS + 1, dtype=torch.float64)
    solution = fit_linear(features, [kind], torch.tensor([l2], dtype=torch.float64))
    return solution.weight[0, :NUM_ITEMS, 0].numpy()


def problems(places: int, num_answers: int) -> list[np.ndarray]:
    """Rows of items in the order of their noisy worth, the best first."""
    found = []
    for seed in range(NUM_PROBLEMS):
        rng = np.random.default_rng(seed)
        worth = rng.normal(size=NUM_ITEMS)
        rows = np.stack([rng.permutation(NUM_ITEMS)[:places] for _ in range(num_answers)])
        noisy = worth[rows] + rng.gumbel(size=rows.shape)
        found.append(np.take_along_axis(rows, np.argsort(-noisy, axis=1), axis=1))
    return found


def test_bradley_terry_agrees_with_choix() -> None:
    choix = pytest.importorskip("choix")
    for number, rows in enumerate(problems(2, 24)):
        alpha = 10.0 ** -(number % 4)
        # choix adds alpha |s|^2, we l2 / 2 |s|^2
        expected = choix.opt_pairwise(NUM_ITEMS, rows.tolist(), alpha, tol=1e-6)
        turned = number % 2 == 1  # the loser first, and the second preferred
        first, second = rows.T[::-1] if turned else rows.T
        kind = Comparison(first, second, np.full(len(rows), 0.0 if turned else 1.0))
        np.testing.assert_allclose(scores(kind, 2 * alpha), expected, atol=1e-4)


def test_plackett_luce_agrees_with_choix() -> None:
    choix = pytest.importorskip("choix")
    for number, rows in enumerate(problems(4, 10)):
        alpha = 10.0 ** -(number % 4)
        expected = choix.opt_rankings(NUM_ITEMS, rows.tolist(), alpha, tol=1e-6)
        kind = Ranking(rows, np.tile(np.arange(4), (len(rows), 1)))
        np.testing.assert_allclose(scores(kind, 2 * alpha), expected, atol=1e-4)


def test_demonstrations_agree_with_choix() -> None:
    choix = pytest.importorskip("choix")
    for number, rows in enumerate(problems(4, 16)):
        alpha = 10.0 ** -(number % 4)
        best = [(row[0], row[1:]) for row in rows.tolist()]
        expected = choix.opt_top1(NUM_ITEMS, best, alpha, tol=1e-6)
        np.testing.assert_allclose(
            scores(Choice("demonstration", rows), 2 * alpha), expected, atol=1e-4
        )


def table(rows: np.ndarray):  # type: ignore[no-untyped-def]
    pandas = pytest.importorskip("pandas")
    columns = {"worker": "ann", "left": rows[:, 0], "right": rows[:, 1], "label": rows[:, 0]}
    return pandas.DataFrame(columns)


def test_bradley_terry_agrees_with_crowd_kit() -> None:
    crowdkit = pytest.importorskip("crowdkit.aggregation.pairwise.bradley_terry")
    # it has no penalty: there is a maximum only where everyone has lost to everyone, if indirectly
    once = np.array(list(permutations(range(NUM_ITEMS), 2)))
    for noisy in problems(2, 100):
        rows = np.concatenate([noisy, once])
        # tol 0: crowd-kit 1.4.2 compares its estimate with itself and would stop at the second step
        worth = crowdkit.BradleyTerry(n_iter=300, tol=0).fit_predict(table(rows))
        expected = np.log(worth.sort_index().to_numpy())
        kind = Comparison(rows[:, 0], rows[:, 1], np.ones(len(rows)))
        found = scores(kind, 1e-8)
        np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=1e-4)


def test_the_noisy_model_of_crowd_kit_is_ours_for_a_worker_who_never_guesses() -> None:
    """Only its likelihood compares: it is maximised over the workers' skills and biases as well."""
    crowdkit = pytest.importorskip("crowdkit.aggregation.pairwise.noisy_bt")
    for seed, rows in enumerate(problems(2, 24)):
        s = np.random.default_rng(seed).normal(size=NUM_ITEMS)
        never_guesses, no_bias = 40.0, 0.0
        x = np.concatenate([[0.0], s, [no_bias], [never_guesses]])
        told = np.column_stack([rows, rows[:, 0]]) + 1
        expected = -crowdkit.NoisyBradleyTerry._compute_log_likelihood(
            x, told, np.zeros(len(rows), int), NUM_ITEMS, 1, 0.0
        )
        kind = Comparison(rows[:, 0], rows[:, 1], np.ones(len(rows)))
        at = torch.from_numpy(s)[None, :, None]
        found = kind.log_likelihood(at, torch.zeros(1, 0)).sum().item()
        assert found == pytest.approx(expected, abs=1e-4)
