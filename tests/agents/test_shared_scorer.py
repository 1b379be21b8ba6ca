import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO

from prefgym.agents.shared_scorer import SharedScorer, SharedScorerPolicy
from prefgym.agents.vec_env import describe, make_vec_env

ENV_ID = "prefgym/TextSummary-v0"
NUMBER, SIZE, CONTEXT = 5, 4, 3


def scorer(seed=0):
    torch.manual_seed(seed)
    return SharedScorer(NUMBER, SIZE, CONTEXT, 16)


def columns(num_rows=6, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(num_rows, NUMBER * SIZE + CONTEXT)).astype(np.float32)
    candidates = rows[:, : NUMBER * SIZE].reshape(num_rows, NUMBER, SIZE)
    candidates[:, :, -1] = 1.0
    return torch.from_numpy(rows)


def test_the_order_of_candidates_orders_their_logits_and_nothing_else():
    net, rows = scorer(), columns()
    order = [3, 0, 4, 1, 2]
    moved = rows.clone()
    part = rows[:, : NUMBER * SIZE].unflatten(1, (NUMBER, SIZE))[:, order]
    moved[:, : NUMBER * SIZE] = part.flatten(1)
    logits, value = net(rows)
    moved_logits, moved_value = net(moved)
    torch.testing.assert_close(moved_logits[:, :NUMBER], logits[:, order])
    torch.testing.assert_close(moved_logits[:, NUMBER], logits[:, NUMBER])
    torch.testing.assert_close(moved_value, value)


def test_a_closed_candidate_is_never_chosen_and_moves_nothing():
    net, rows = scorer(), columns()
    rows[:, 2 * SIZE + SIZE - 1] = 0.0
    other = rows.clone()
    other[:, 2 * SIZE : 2 * SIZE + SIZE - 1] += 7.0
    logits, value = net(rows)
    other_logits, other_value = net(other)
    assert logits.softmax(dim=1)[:, 2].max() == 0.0
    torch.testing.assert_close(other_logits, logits)
    torch.testing.assert_close(other_value, value)


def test_everything_open_is_about_as_likely_at_first():
    probability = scorer().forward_actor(columns(100)).softmax(dim=1)
    assert (probability - 1 / (NUMBER + 1)).abs().max() < 0.05


def test_a_policy_of_ppo_acts_on_texts():
    venv = make_vec_env(ENV_ID, {}, 4)
    keywords = {"candidates": describe(ENV_ID, {}).candidates}
    model = PPO(SharedScorerPolicy, venv, n_steps=8, batch_size=16, seed=0, policy_kwargs=keywords)
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    model.learn(32)
    after = model.policy.state_dict()
    assert any((after[name] != value).any() for name, value in before.items())
    assert all(value.isfinite().all() for value in after.values())


def test_spaces_that_do_not_fit_are_refused():
    box = spaces.Box(-1, 1, (NUMBER * SIZE + CONTEXT,), np.float32)
    with pytest.raises(ValueError, match=r"must be Discrete\(6\)"):
        SharedScorerPolicy(box, spaces.Discrete(5), lambda _: 0.0, candidates=(NUMBER, SIZE))
    small = spaces.Box(-1, 1, (NUMBER * SIZE,), np.float32)
    with pytest.raises(ValueError, match="Box of more than 20 columns"):
        SharedScorerPolicy(small, spaces.Discrete(6), lambda _: 0.0, candidates=(NUMBER, SIZE))
