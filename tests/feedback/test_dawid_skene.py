import numpy as np
import pytest

from prefgym.feedback.dawid_skene import dawid_skene


def labelled(num_labels=2, num_items=200, bad=(), per_item=6, seed=0):
    """Ten raters who are right four times in five; the bad say the next label instead."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(num_labels, size=num_items)
    item = np.repeat(np.arange(num_items), per_item)
    rater = np.concatenate([rng.permutation(10)[:per_item] for _ in range(num_items)])
    errs = rng.random(len(item)) < 0.2
    said = np.where(errs, rng.integers(num_labels, size=len(item)), truth[item])
    said = np.where(np.isin(rater, bad), (said + 1) % num_labels, said)
    return truth, item, rater, said


def test_one_round_by_hand():
    # Two raters agree on items 0 and 1, and differ on 2, where the votes are one to one.
    item, rater = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 1])
    label = np.array([1, 1, 0, 0, 1, 0])
    found = dawid_skene(item, rater, label, right=1.0, wrong=1.0, num_rounds=1)
    np.testing.assert_allclose(found.prior, [0.5, 0.5])
    # rater 0 says 1 of item 0 (surely of class 1) and of item 2 (half): always right of class 1
    np.testing.assert_allclose(found.confusion[0], [[2 / 3, 1 / 3], [0, 1]], atol=1e-9)
    np.testing.assert_allclose(found.confusion[1], [[1, 0], [1 / 3, 2 / 3]], atol=1e-9)
    np.testing.assert_allclose(found.accuracy, [5 / 6, 5 / 6])
    # so "1, 0" has chances 1/3 * 1 of class 0 and 1 * 1/3 of class 1
    np.testing.assert_allclose(found.class_prob, [[0, 1], [1, 0], [0.5, 0.5]], atol=1e-9)


@pytest.mark.parametrize("num_labels", [2, 4])
def test_the_classes_and_who_turns_labels_round_are_found(num_labels):
    truth, *answers = labelled(num_labels, bad=(3, 4, 7))
    found = dawid_skene(*answers, num_labels=num_labels)
    item, _, said = answers
    votes = np.stack([np.bincount(item, said == each) for each in range(num_labels)], axis=1)
    majority = (votes.argmax(axis=1) == truth).mean()
    assert (found.class_prob.argmax(axis=1) == truth).mean() > max(0.93, majority + 0.03)
    assert sorted(found.accuracy.argsort()[:3]) == [3, 4, 7]


def test_no_round_lowers_the_posterior():
    for right, wrong in ((1.0, 1.0), (3.0, 1.5)):
        _, *answers = labelled(3, bad=(1,), per_item=3)
        gain = np.diff(dawid_skene(*answers, num_labels=3, right=right, wrong=wrong).log_posterior)
        assert (gain > -1e-6).all()


def test_labels_are_but_names():
    _, item, rater, said = labelled(3, per_item=3)
    name = np.array([2, 0, 1])
    there = dawid_skene(item, rater, said, num_labels=3)
    back = dawid_skene(item, rater, name[said], num_labels=3)
    np.testing.assert_allclose(back.class_prob[:, name], there.class_prob, atol=1e-9)


def test_who_never_answered_is_as_good_as_the_prior_says():
    found = dawid_skene(np.array([0, 0]), np.array([0, 2]), np.array([1, 1]))
    np.testing.assert_allclose(found.confusion[1], [[1, 0], [0, 1]], atol=1e-9)
    wary = dawid_skene(np.array([0, 0]), np.array([0, 2]), np.array([1, 1]), right=4.0, wrong=2.0)
    np.testing.assert_allclose(wary.confusion[1], [[0.75, 0.25], [0.25, 0.75]])


def test_labels_and_priors_are_checked():
    one = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match=r"labels must be in \[0, 2\)"):
        dawid_skene(one, one, one + 2)
    with pytest.raises(ValueError, match="right and wrong must be at least 1"):
        dawid_skene(one, one, one, wrong=0.5)


@pytest.mark.filterwarnings("ignore:The (inplace|copy) keyword")  # crowd-kit's use of pandas
@pytest.mark.parametrize("seed", range(2))
def test_crowd_kit_finds_the_same(seed):
    aggregation = pytest.importorskip("crowdkit.aggregation")
    pandas = pytest.importorskip("pandas")
    _, item, rater, said = labelled(3, num_items=400, bad=(2, 5), per_item=5, seed=seed)
    table = pandas.DataFrame({"task": item, "worker": rater, "label": said})
    rounds = 100
    theirs = aggregation.DawidSkene(n_iter=rounds, tol=-1.0).fit(table)
    plain = {"right": 1.0, "wrong": 1.0, "tolerance": -1.0}
    ours = dawid_skene(item, rater, said, num_labels=3, num_rounds=rounds, **plain)
    np.testing.assert_allclose(theirs.probas_.sort_index()[[0, 1, 2]], ours.class_prob, atol=1e-4)
    # theirs is P(label | class) by worker and label, one column per class
    errors = theirs.errors_.sort_index()[[0, 1, 2]].to_numpy().reshape(10, 3, 3)
    np.testing.assert_allclose(errors.swapaxes(1, 2), ours.confusion, atol=1e-4)
