import math

import numpy as np
import pytest
import torch

from prefgym.feedback.comparison import Comparison, joint_log_likelihood
from prefgym.feedback.fit_mlp import LabelledSteps, minibatches, train_mlp
from prefgym.feedback.reward_model import segment_returns
from prefgym.feedback.reward_nets import MLPEnsemble


def ensemble(num_members: int = 2, seed: int = 0) -> MLPEnsemble:
    generator = torch.Generator().manual_seed(seed)
    return MLPEnsemble(2, num_members=num_members, hidden=(8,), generator=generator)


def labelled(num_answers: int = 40, tie_share: float = 0.0) -> LabelledSteps:
    """Segments of which the one with the higher first input is preferred, in two kinds."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(20, 5, 2)).astype(np.float32)
    returns = inputs[..., 0].sum(axis=1)
    first = rng.integers(20, size=num_answers)
    second = (first + rng.integers(1, 20, size=num_answers)) % 20
    preference = np.where(returns[first] > returns[second], 1.0, 0.0)
    preference[rng.random(num_answers) < tie_share] = 0.5
    answers = Comparison(first, second, preference)
    half = num_answers // 4
    kinds = [answers.take(np.arange(half)), answers.take(np.arange(half, num_answers))]
    return LabelledSteps(torch.from_numpy(inputs), torch.ones(20, 5, dtype=torch.bool), kinds)


def train(
    net: MLPEnsemble,
    task: LabelledSteps,
    *,
    num_steps: int = 50,
    weights: torch.Tensor | None = None,
    seed: int = 0,
) -> list[torch.Tensor]:
    return train_mlp(
        net,
        task,
        num_steps=num_steps,
        batch_size=16,
        learning_rate=1e-2,
        weights=weights,
        generator=torch.Generator().manual_seed(seed),
    )


def log_likelihood(net: MLPEnsemble, task: LabelledSteps) -> torch.Tensor:
    returns = segment_returns(net, task.inputs, task.mask).detach()
    no_ties = [torch.zeros(len(returns), 0)] * len(task.feedback)
    return joint_log_likelihood(task.feedback, returns, no_ties).mean(dim=1)


def assert_member(member: int, net: MLPEnsemble, alone: MLPEnsemble) -> None:
    for ours, theirs in zip(net.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(ours[member], theirs[0])


def test_training_makes_answers_likelier() -> None:
    net, task = ensemble(), labelled()
    before = log_likelihood(net, task)
    train(net, task)
    assert (before < -0.65).all()
    assert (log_likelihood(net, task) > -0.5).all()


def test_members_are_trained_as_they_would_be_alone() -> None:
    together, task = ensemble(2), labelled()
    alone = ensemble(1)
    for ours, theirs in zip(together.parameters(), alone.parameters(), strict=True):
        theirs.data.copy_(ours.data[1:])
    train(together, task, num_steps=5)
    train(alone, task, num_steps=5)
    assert_member(1, together, alone)


def test_answers_that_count_nothing_teach_nothing() -> None:
    task = labelled()
    lying = [Comparison(kind.first, kind.second, 1 - kind.preference) for kind in task.feedback]
    mixed = LabelledSteps(
        torch.cat([task.inputs, task.inputs]),
        torch.cat([task.mask, task.mask]),
        [*task.feedback, *lying],
    )
    weights = torch.tensor([[1.0] * 40 + [0.0] * 40, [0.0] * 40 + [1.0] * 40])
    net = ensemble(2)
    train(net, mixed, num_steps=100, weights=weights)
    honest, dishonest = log_likelihood(net, task)
    assert honest > -0.5
    assert dishonest < -1.0


@pytest.mark.parametrize("tie_share", [0.1, 0.6])
def test_the_tie_rate_is_learned_in_a_short_fit(tie_share: float) -> None:
    task = labelled(400, tie_share)
    net = ensemble()
    parameters = train(net, task, num_steps=60)
    returns = segment_returns(net, task.inputs, task.mask).detach()
    for kind, log_tie in zip(task.feedback, parameters, strict=True):
        ties = Comparison(kind.first, kind.second, np.full(len(kind), 0.5))
        predicted = ties.log_likelihood(returns, log_tie).exp().mean()
        realised = float(np.mean(kind.preference == 0.5))
        assert float(predicted) == pytest.approx(realised, abs=0.08)


class Expectant(Comparison):
    """Starts from four ties in five, whatever was said."""

    def initial_parameters(self) -> torch.Tensor:
        return torch.tensor([math.log(8.0)])


def test_the_tie_rate_gets_far_in_a_short_fit() -> None:
    task = labelled(400, 0.1)
    kinds = [Expectant(kind.first, kind.second, kind.preference) for kind in task.feedback]
    for log_tie in train(ensemble(), task._replace(feedback=kinds), num_steps=60):
        assert (log_tie < 0).all()


def test_kinds_count_by_their_answers() -> None:
    task = labelled()
    small, large = task.feedback
    joined = Comparison(
        *(
            np.concatenate([getattr(small, name), getattr(large, name)])
            for name in ("first", "second", "preference")
        )
    )
    apart, together = ensemble(1), ensemble(1)
    train(apart, task, num_steps=5)
    train(together, task._replace(feedback=[joined]), num_steps=5)
    assert_member(0, apart, together)


def test_who_never_ties_has_nothing_to_be_learned_about() -> None:
    assert [theta.shape for theta in train(ensemble(), labelled())] == [(2, 0), (2, 0)]


def test_training_follows_from_the_generator() -> None:
    nets = [ensemble() for _ in range(3)]
    for net, seed in zip(nets, (0, 0, 1), strict=True):
        train(net, labelled(), seed=seed)
    assert torch.equal(nets[0].weights[0], nets[1].weights[0])
    assert not torch.equal(nets[0].weights[0], nets[2].weights[0])


@pytest.mark.parametrize(("num_answers", "size"), [(12, 4), (13, 4), (3, 32), (1, 1)])
def test_a_pass_shows_each_answer_at_most_once(num_answers: int, size: int) -> None:
    per_pass = num_answers // min(size, num_answers)
    batches = minibatches(
        num_answers, size, 2 * per_pass + 1, generator=torch.Generator().manual_seed(0)
    )
    assert len(batches) == 2 * per_pass + 1
    assert {len(batch) for batch in batches} == {min(size, num_answers)}
    for start in (0, per_pass):
        shown = np.concatenate(batches[start : start + per_pass])
        assert len(set(shown.tolist())) == len(shown)
        assert shown.min() >= 0
        assert shown.max() < num_answers


def test_passes_differ() -> None:
    batches = minibatches(32, 16, 4, generator=torch.Generator().manual_seed(0))
    assert not np.array_equal(batches[0], batches[2])
    assert math.prod(len(set(batch.tolist())) for batch in batches) == 16**4
