from itertools import permutations

import numpy as np
import pytest

from prefgym.feedback.groups import (
    GroupAnswers,
    GroupConfig,
    Groups,
    choose_groups,
    fit_groups,
    member_prob,
)
from prefgym.feedback.logistic import sigmoid

NUM_FEATURES = 6
CONFIG = GroupConfig(num_restarts=4)


def world(
    sizes=(30, 10), *, per_rater=30, declare=None, seed=0
) -> tuple[np.ndarray, np.ndarray, GroupAnswers]:
    """What each group wants, who belongs to it, and answers."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(len(sizes), NUM_FEATURES))
    weight *= 3 / np.linalg.norm(weight, axis=1, keepdims=True)
    group = np.repeat(np.arange(len(sizes)), sizes)
    rater = np.repeat(np.arange(len(group)), per_rater)
    rows = rng.normal(size=(len(rater), NUM_FEATURES))
    prob = sigmoid((rows * weight[group[rater]]).sum(axis=1))
    preference = (rng.random(len(rater)) < prob).astype(float)
    declared = np.zeros(len(group), np.int64) if declare is None else declare(group, rng)
    return weight, group, GroupAnswers(rows, preference, rater, declared)


def found_rightly(groups: Groups, truth: np.ndarray) -> float:
    """Share of raters in the right group, under the best naming of the groups."""
    size = groups.weight.shape[0]
    namings = [np.array(order)[groups.assignment] for order in permutations(range(size))]
    return max(float((named == truth).mean()) for named in namings)


@pytest.mark.parametrize("seed", range(3))
def test_a_minority_and_what_it_wants_are_found(seed):
    weight, group, answers = world(seed=seed)
    groups = fit_groups(answers, 2, CONFIG, rng=np.random.default_rng(seed))
    assert found_rightly(groups, group) == 1.0
    assert (groups.assignment == group).all()  # the largest group is the first
    cosine = (groups.weight * weight).sum(axis=1)
    cosine /= np.linalg.norm(groups.weight, axis=1) * np.linalg.norm(weight, axis=1)
    assert (cosine > 0.9).all()
    np.testing.assert_allclose(groups.share[0], [0.75, 0.25], atol=0.03)


@pytest.mark.parametrize("sizes", [(40,), (30, 10), (20, 20, 20)])
def test_the_number_of_groups_is_found(sizes):
    _, group, answers = world(sizes, seed=3)
    best, *others = choose_groups(answers, (1, 2, 3, 4), CONFIG, rng=np.random.default_rng(0))
    assert len(best.weight) == len(sizes)
    assert len(others) == 3
    assert found_rightly(best, group) > 0.95


def test_one_group_is_plain_bradley_terry_with_bic_by_hand():
    _, _, answers = world((5,), per_rater=200)
    groups = fit_groups(answers, 1, GroupConfig(l2=1e-6), rng=np.random.default_rng(0))
    # nobody shares anything, and a weak prior leaves each weight a parameter
    logit = answers.rows @ groups.weight[0]
    prob = np.where(answers.preference == 1, sigmoid(logit), sigmoid(-logit))
    assert groups.log_likelihood == pytest.approx(np.log(prob).sum())
    expected = NUM_FEATURES * np.log(1000) - 2 * np.log(prob).sum()
    assert groups.bic == pytest.approx(expected, abs=1e-3)


def test_no_round_lowers_the_posterior():
    _, _, answers = world(per_rater=8)
    for number in (1, 2, 3):
        groups = fit_groups(answers, number, CONFIG, rng=np.random.default_rng(1))
        assert (np.diff(groups.log_posterior) > -1e-8).all()


def test_what_raters_declare_helps_where_answers_are_few():
    def culture(group, rng):
        return np.where(rng.random(len(group)) < 0.1, 1 - group, group)

    told, silent = [], []
    for seed in range(5):
        _, group, answers = world((25, 25), per_rater=4, declare=culture, seed=seed)
        unknown = GroupAnswers(
            answers.rows, answers.preference, answers.rater, np.zeros_like(answers.declared)
        )
        for some, found in ((answers, told), (unknown, silent)):
            groups = fit_groups(some, 2, CONFIG, rng=np.random.default_rng(0))
            found.append(found_rightly(groups, group))
    assert np.mean(told) > np.mean(silent) + 0.02


def test_an_idle_declaration_does_no_harm():
    _, group, answers = world(declare=lambda group, rng: rng.integers(2, size=len(group)))
    groups = fit_groups(answers, 2, CONFIG, rng=np.random.default_rng(0))
    assert found_rightly(groups, group) == 1.0


def test_a_new_rater_is_known_by_what_they_say():
    weight, _, answers = world((20, 20), declare=lambda group, rng: group.copy())
    groups = fit_groups(answers, 2, CONFIG, rng=np.random.default_rng(0))
    rng = np.random.default_rng(9)
    rows = rng.normal(size=(15, NUM_FEATURES))
    said = (rows @ weight[0] > 0).astype(float)
    alike = groups.assignment[0]
    none = np.zeros(0, np.int64)
    new = GroupAnswers(rows, said, np.zeros(15, np.int64), np.array([1]))
    assert member_prob(groups, new)[0, alike] > 0.95
    with pytest.raises(ValueError, match="there must be an answer"):
        GroupAnswers(rows[:0], said[:0], none, np.array([1]))
    # from who says nothing, the declaration is all that is known
    two = GroupAnswers(rows, said, np.zeros(15, np.int64), np.array([1, 1]))
    np.testing.assert_allclose(member_prob(groups, two)[1], groups.share[1])


def test_the_same_seed_gives_the_same_groups():
    _, _, answers = world(per_rater=5)
    there, back = (fit_groups(answers, 3, CONFIG, rng=np.random.default_rng(4)) for _ in range(2))
    assert there.member_prob.tobytes() == back.member_prob.tobytes()


def test_numbers_and_settings_are_checked():
    _, _, answers = world((2,))
    with pytest.raises(ValueError, match=r"in \[1, 2 raters\], got 3"):
        fit_groups(answers, 3, CONFIG, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="l2 and pseudo_raters must be positive"):
        GroupConfig(l2=0.0)
    with pytest.raises(ValueError, match="num_restarts"):
        GroupConfig(num_restarts=0)
    with pytest.raises(ValueError, match="raters in"):
        GroupAnswers(answers.rows, answers.preference, answers.rater, np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="declarations must be at least 0"):
        GroupAnswers(answers.rows, answers.preference, answers.rater, np.array([0, -1]))
