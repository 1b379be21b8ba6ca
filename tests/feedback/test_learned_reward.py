from collections.abc import Callable

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from prefgym.feedback.learned_reward import LearnedReward
from prefgym.feedback.learned_reward_vec import LearnedRewardVecEnv, with_terminal
from prefgym.feedback.reward_inputs import InputConfig, RewardInputs
from prefgym.feedback.reward_model import RewardModel, RewardModelConfig, new_reward_model
from prefgym.feedback.reward_nets import Family

NUM_ENVS, NUM_STEPS = 3, 60


class Shop(gym.Env[dict[str, np.ndarray], np.ndarray]):
    """Dict observations and MultiDiscrete actions; episodes end by chance or after nine steps."""

    observation_space = spaces.Dict(
        {"cash": spaces.Box(-9.0, 9.0, (2,)), "open": spaces.Discrete(3, start=1)}
    )
    action_space = spaces.MultiDiscrete([2, 3])

    def reset(
        self, *, seed: int | None = None, options: dict[str, object] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, object]]:
        super().reset(seed=seed)
        self.steps = 0
        return self.look(), {}

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, object]]:
        assert self.action_space.contains(action)
        self.steps += 1
        ended = bool(self.np_random.random() < 0.1)
        return self.look(), float(action.sum()), ended, self.steps >= 9, {"steps": self.steps}

    def look(self) -> dict[str, np.ndarray]:
        cash = self.np_random.normal(size=2).astype(np.float32)
        return {"cash": cash, "open": self.np_random.integers(1, 4)}


class Pair(gym.Env[tuple[np.ndarray, int], np.ndarray]):
    """Tuple observations and Box actions; episodes end after four steps."""

    observation_space = spaces.Tuple((spaces.Box(-9.0, 9.0, (1,)), spaces.Discrete(5)))
    action_space = spaces.Box(-1.0, 1.0, (1,))

    def reset(
        self, *, seed: int | None = None, options: dict[str, object] | None = None
    ) -> tuple[tuple[np.ndarray, int], dict[str, object]]:
        super().reset(seed=seed)
        self.steps = 0
        return (np.zeros(1, np.float32), 0), {}

    def step(
        self, action: np.ndarray
    ) -> tuple[tuple[np.ndarray, int], float, bool, bool, dict[str, object]]:
        self.steps += 1
        return (action, self.steps), 1.0, self.steps == 4, False, {}


class Recycler(gym.Env[np.ndarray, int]):
    """Gives out one and the same array for ever, and writes the count of steps into it."""

    observation_space = spaces.Box(-99.0, 99.0, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self) -> None:
        self.count = np.zeros(1, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, object] | None = None
    ) -> tuple[np.ndarray, dict[str, object]]:
        super().reset(seed=seed)
        self.count[:] = 0
        return self.count, {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, object]]:
        self.count += 1
        return self.count, 0.0, False, False, {}


MAKERS: dict[str, Callable[[], gym.Env]] = {  # type: ignore[type-arg]
    "Pendulum-v1": lambda: gym.make("Pendulum-v1", max_episode_steps=25),
    "CartPole-v1": lambda: gym.make("CartPole-v1"),
    "Shop": Shop,
    "Pair": Pair,
}


def model_for(env: gym.Env, family: Family = "mlp", **choice: bool) -> RewardModel:  # type: ignore[type-arg]
    """A model that reads everything of a step and has an opinion on it."""
    config = RewardModelConfig(InputConfig(**{"next_state": True} | choice))
    inputs = RewardInputs(config.inputs, env.observation_space, env.action_space)
    generator = torch.Generator().manual_seed(0)
    model = new_reward_model(config, inputs, family, generator=generator)
    with torch.no_grad():
        for tensor in (*model.net.parameters(), *model.net.buffers()):
            tensor.normal_(generator=generator)
    model.informed.fill_(True)
    return model


def actions_for(env: gym.Env) -> np.ndarray:  # type: ignore[type-arg]
    env.action_space.seed(5)
    return np.array(
        [[env.action_space.sample() for _ in range(NUM_ENVS)] for _ in range(NUM_STEPS)]
    )


@pytest.mark.parametrize("family", ["mlp", "linear"])
@pytest.mark.parametrize("name", MAKERS)
def test_a_batch_gives_each_environment_the_rewards_it_has_alone(name: str, family: Family) -> None:
    make = MAKERS[name]
    model, actions = model_for(make(), family), actions_for(make())
    venv = LearnedRewardVecEnv(DummyVecEnv([make] * NUM_ENVS), model)
    venv.seed(3)  # environment i starts from 3 + i, and goes on without a seed
    venv.reset()
    batch = [venv.step(step) for step in actions]
    num_ends = 0
    for i in range(NUM_ENVS):
        env = LearnedReward(make(), model)
        env.reset(seed=3 + i)
        for action, (_, rewards, dones, infos) in zip(actions[:, i], batch, strict=True):
            observation, reward, terminated, truncated, info = env.step(action)
            assert isinstance(reward, float)
            assert rewards[i] == pytest.approx(reward, abs=1e-4)
            assert infos[i]["gold_reward"] == pytest.approx(info["gold_reward"])
            assert dones[i] == (terminated or truncated)
            if dones[i]:
                num_ends += 1
                assert str(infos[i]["terminal_observation"]) == str(observation)
                env.reset()
    assert num_ends >= NUM_ENVS
    venv.close()


@pytest.mark.parametrize("name", MAKERS)
def test_gold_is_reported_and_nothing_else_changes(name: str) -> None:
    bare, wrapped = MAKERS[name](), LearnedReward(MAKERS[name](), model_for(MAKERS[name]()))
    before, _ = bare.reset(seed=1)
    wrapped.reset(seed=1)
    for action in actions_for(bare)[:8, 0]:
        observation, gold, terminated, truncated, info = bare.step(action)
        seen, reward, *ended, told = wrapped.step(action)
        assert str(seen) == str(observation)
        assert ended == [terminated, truncated]
        assert told == {**info, "gold_reward": gold}
        rows = [_batched(part) for part in (before, action, observation)]
        expected = wrapped.reward_model.reward(*rows, np.array([terminated]))
        assert reward == pytest.approx(float(expected[0]), abs=1e-5)
        assert reward != gold
        before = observation
        if terminated or truncated:
            break


def _batched(value: object) -> object:
    if isinstance(value, dict):
        return {key: _batched(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_batched(part) for part in value)
    return np.array(value)[None]


def test_an_episode_that_ends_earns_no_more_than_one_that_goes_on() -> None:
    # CartPole's reward depends on nothing here: only the end could tell the last step apart.
    model = model_for(gym.make("CartPole-v1"), "linear", state=False, next_state=False)
    env = LearnedReward(gym.make("CartPole-v1"), model)
    env.reset(seed=0)
    rewards, terminated = [], False
    while not terminated:
        _, reward, terminated, _, _ = env.step(1)
        rewards.append(reward)
    assert len(rewards) > 5
    assert set(rewards) == {rewards[0]}


def test_an_environment_that_reuses_its_array_is_read_before_it_does() -> None:
    env = Recycler()
    model = model_for(env, "linear", action=False)
    weight = torch.zeros_like(model.net.weight)
    weight[:, 0], weight[:, 1] = -1.0, 3.0  # three times the step after, less the step before
    model.net.weight.copy_(weight)
    wrapped = LearnedReward(env, model)
    wrapped.reset()
    assert [wrapped.step(0)[1] for _ in range(2)] == [3.0, 5.0]


def test_a_monitored_episode_reports_its_learned_return() -> None:
    def make() -> gym.Env:  # type: ignore[type-arg]
        return Monitor(gym.make("CartPole-v1"))

    venv = LearnedRewardVecEnv(DummyVecEnv([make] * 2), model_for(make()))
    venv.seed(0)
    venv.reset()
    total, reported = np.zeros(2), 0
    for action in actions_for(make())[:, :2]:
        _, rewards, dones, infos = venv.step(action)
        total += rewards
        for i in np.flatnonzero(dones):
            assert infos[i]["episode"]["learned"] == pytest.approx(total[i], abs=1e-4)
            assert infos[i]["episode"]["r"] == infos[i]["episode"]["l"]  # gold counts the steps
            total[i], reported = 0.0, reported + 1
    assert reported > 2


def test_a_new_model_takes_over_at_once() -> None:
    make = MAKERS["Pendulum-v1"]
    venv = LearnedRewardVecEnv(DummyVecEnv([make]), model_for(make()))
    venv.reset()
    venv.reward_model = new_reward_model(
        RewardModelConfig(), venv.reward_model.inputs, "linear", generator=torch.Generator()
    )
    assert venv.step(np.zeros((1, 1), np.float32))[1].tolist() == [-1.0]


@pytest.mark.parametrize(
    ("observations", "actions", "message"),
    [
        (spaces.Box(-1.0, 1.0, (4,)), spaces.Box(-2.0, 2.0, (1,)), "observation space"),
        (spaces.Discrete(3), spaces.Box(-2.0, 2.0, (1,)), "observation space"),
        (spaces.Box(-1.0, 1.0, (3,)), spaces.Discrete(1), "action space"),
    ],
)
def test_a_model_for_other_spaces_is_refused(
    observations: spaces.Space[object], actions: spaces.Space[object], message: str
) -> None:
    inputs = RewardInputs(InputConfig(), observations, actions)
    model = new_reward_model(RewardModelConfig(), inputs, "linear", generator=torch.Generator())
    make = MAKERS["Pendulum-v1"]
    with pytest.raises(ValueError, match=f"reward model expects the {message}"):
        LearnedReward(make(), model)
    with pytest.raises(ValueError, match=f"reward model expects the {message}"):
        LearnedRewardVecEnv(DummyVecEnv([make]), model)


def test_a_step_before_the_first_reset_is_refused() -> None:
    model = model_for(Recycler())
    with pytest.raises(gym.error.ResetNeeded, match="call reset"):
        LearnedReward(Recycler(), model).step(0)
    with pytest.raises(gym.error.ResetNeeded, match="call reset"):
        LearnedRewardVecEnv(DummyVecEnv([Recycler]), model).step(np.array([0]))


def test_an_observation_that_is_no_number_is_refused() -> None:
    env = LearnedReward(Recycler(), model_for(Recycler()))
    env.reset()
    env.unwrapped.count[:] = np.nan  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="observation must be finite"):
        env.step(0)


def test_only_environments_that_ended_show_their_last_observation() -> None:
    infos: list[dict[str, object]] = [{}, {"terminal_observation": np.array([9.0])}]
    dones = np.array([False, True])
    fresh = np.array([[1.0], [2.0]])
    assert with_terminal(fresh, dones, infos).tolist() == [[1.0], [9.0]]  # type: ignore[union-attr]
    assert fresh.tolist() == [[1.0], [2.0]]
    assert with_terminal(fresh, np.zeros(2, bool), [{}, {}]) is fresh

    infos[1] = {"terminal_observation": {"a": np.array([9.0]), "b": 7}}
    merged = with_terminal({"a": fresh, "b": np.array([3, 4])}, dones, infos)
    assert isinstance(merged, dict)
    assert merged["a"].tolist() == [[1.0], [9.0]]
    assert merged["b"].tolist() == [3, 7]

    infos[1] = {"terminal_observation": (np.array([9.0]), 7)}
    first, second = with_terminal((fresh, np.array([3, 4])), dones, infos)
    assert first.tolist() == [[1.0], [9.0]]
    assert second.tolist() == [3, 7]
    assert fresh.tolist() == [[1.0], [2.0]]
