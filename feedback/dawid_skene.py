"""What is true of items that several raters labelled, and how each rater errs: Dawid & Skene 1979.

For labels that are no comparisons: "is this polite?", "which rule does it break?". Item i has a
true class c with probability p_c; rater k says label l of it with probability confusion[k, c, l].
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

_SMALLEST = 1e-10  # a probability that is taken for 0


class DawidSkene(NamedTuple):
    """Every item's class, how common classes are, and every rater's confusions."""

    class_prob: Float64[np.ndarray, "item class"]
    prior: Float64[np.ndarray, " class"]
    confusion: Float64[np.ndarray, "rater class label"]
    log_posterior: list[float]

    @property
    def accuracy(self) -> Float64[np.ndarray, " rater"]:
        """How often each rater says the class of an item."""
        right = np.diagonal(self.confusion, axis1=1, axis2=2)
        return right @ self.prior


def dawid_skene(
    item: Int64[np.ndarray, " answer"],
    rater: Int64[np.ndarray, " answer"],
    label: Int64[np.ndarray, " answer"],
    *,
    num_labels: int = 2,
    right: float = 2.0,
    wrong: float = 1.0,
    num_rounds: int = 100,
    tolerance: float = 1e-7,
) -> DawidSkene:
    """Classes and confusions by EM, begun at the majority's labels; linear in the answers.

    Args:
        item: what each answer is about, by number; an item of no answer gets the prior.
        rater: who gave it, by number.
        label: what was said.
        num_labels: labels there are, as many as classes.
        right: answers of the Dirichlet prior of each rater and class that name the class.
        wrong: and those that name another, each. 1 and 1: maximum likelihood.
        num_rounds: of EM, at most.
        tolerance: a round that gains less log-posterior per answer is the last.

    Raises:
        ValueError: if there is no answer, a label is unknown or the prior is below 1.
    """
    if not len(item) or not 0 <= label.min() <= label.max() < num_labels:
        raise ValueError(f"labels must be in [0, {num_labels}), and there must be one")
    if min(right, wrong) < 1:
        raise ValueError(f"right and wrong must be at least 1, got {right} and {wrong}")
    num_items, num_raters = int(item.max()) + 1, int(rater.max()) + 1
    pseudo = np.full((num_labels, num_labels), wrong - 1)
    np.fill_diagonal(pseudo, right - 1)
    cell = rater * num_labels + label
    votes = _count(item * num_labels + label, num_items * num_labels)
    votes = votes.reshape(num_items, num_labels)
    class_prob = _normalised(votes + 0.0)
    history = [-np.inf]
    for _ in range(num_rounds):
        prior = np.clip(class_prob.mean(axis=0), _SMALLEST, None)
        counts = [_count(cell, num_raters * num_labels, each[item]) for each in class_prob.T]
        stacked = np.stack(counts).reshape(num_labels, num_raters, num_labels)
        confusion = _normalised(stacked.swapaxes(0, 1) + pseudo)
        told = np.log(confusion)[rater, :, label]
        log_joint = np.stack([_count(item, num_items, each) for each in told.T], axis=1)
        log_joint = log_joint + np.log(prior)
        evidence = np.logaddexp.reduce(log_joint, axis=1, keepdims=True)
        class_prob = np.exp(log_joint - evidence)
        history.append(float(evidence.sum() + (pseudo * np.log(confusion)).sum()))
        if history[-1] - history[-2] <= tolerance * len(item):
            break
    return DawidSkene(class_prob, prior, confusion, history[1:])


def _count(
    index: Int64[np.ndarray, " answer"],
    size: int,
    weight: Float64[np.ndarray, " answer"] | None = None,
) -> Float64[np.ndarray, " size"]:
    return np.bincount(index, weight, size).astype(np.float64)


def _normalised(counts: Float64[np.ndarray, "*batch label"]) -> Float64[np.ndarray, "*batch label"]:
    """Shares along the last axis; where nothing was counted, equal ones."""
    counts = np.clip(counts, _SMALLEST, None)
    return counts / counts.sum(axis=-1, keepdims=True)
