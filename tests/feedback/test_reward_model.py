import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors.torch import load, save

from prefgym.feedback.reward_inputs import InputConfig, RewardInputs
from prefgym.feedback.reward_model import (
    RewardModel,
    RewardModelConfig,
    load_reward_model,
    masked_returns,
    new_reward_model,
    reward_model_from_bytes,
    segment_returns,
    step_rewards,
)
from prefgym.feedback.reward_nets import Family
from prefgym.feedback.segment import Segments

OBSERVATIONS = spaces.Box(-99.0, 99.0, (2,))
ACTIONS = spaces.Box(-1.0, 1.0, (1,))
CONFIG = RewardModelConfig(hidden=(8,))


def make(
    family: Family = "mlp", config: RewardModelConfig = CONFIG, *, informed: bool = True
) -> RewardModel:
    """A model with arbitrary contents in every buffer."""
    inputs = RewardInputs(config.inputs, OBSERVATIONS, ACTIONS)
    generator = torch.Generator().manual_seed(0)
    model = new_reward_model(config, inputs, family, generator=generator)
    if family == "linear":
        model.net.weight.normal_(generator=generator)
    model.input_mean.copy_(torch.tensor([1.0, 2.0, 0.0]))
    model.input_sd.copy_(torch.tensor([2.0, 0.5, 1.0]))
    model.output_offset.fill_(0.1)
    model.output_scale.fill_(0.5)
    model.informed.fill_(informed)
    return model


def by_hand(config: RewardModelConfig = CONFIG) -> RewardModel:
    """A linear model of one number: the first input's square, in standard units, minus 1."""
    model = make("linear", config)
    weight = torch.zeros_like(model.net.weight)
    weight[:, 3], weight[:, -1] = 1.0, -1.0
    weight[0, 0], weight[1, 0] = 7.0, -7.0  # members disagree; their mean does not
    model.net.weight.copy_(weight)
    return model


def segments(num_segments: int, num_steps: int = 4, seed: int = 0) -> Segments:
    rng = np.random.default_rng(seed)
    observations = rng.normal(size=(num_segments, num_steps, 2)).astype(np.float32)
    return Segments(
        observations,
        rng.normal(size=(num_segments, num_steps, 1)).astype(np.float32),
        observations,
        np.arange(num_steps) < rng.integers(1, num_steps + 1, size=num_segments)[:, None],
        np.zeros((num_segments, num_steps, 1)),
    )


def steps(*first: float) -> tuple[np.ndarray, np.ndarray]:
    """Observations with these first columns, and actions."""
    observations = np.zeros((len(first), 2), np.float32)
    observations[:, 0] = first
    return observations, np.zeros((len(first), 1), np.float32)


def not_done(num_steps: int) -> np.ndarray:
    return np.zeros(num_steps, bool)


def test_inputs_are_standardised_clamped_and_scaled() -> None:
    got = make().standardise(torch.tensor([[3.0, 2.0, 1.0], [-99.0, 99.0, -99.0]]))
    assert got.flatten().tolist() == pytest.approx([1.0, 0.0, 0.2, -5.0, 5.0, -1.0])


def test_a_reward_by_hand() -> None:
    observations, actions = steps(1.0, 3.0, 5.0, 99.0)
    got = by_hand().reward(observations, actions, observations, not_done(4))
    # in standard units 0, 1, 2 and, clamped, 5: rewards -1, 0, 3, 24, less 0.1, over 0.5
    assert got.tolist() == pytest.approx([-2.2, -0.2, 5.0, 5.0])
    assert got.dtype == np.float32


def test_an_observation_out_of_all_proportion_is_clamped_like_any_other() -> None:
    observations, actions = steps(3e38, -3e38, 11.0)
    model = by_hand()
    model.input_sd.fill_(0.5)
    assert model.reward(observations, actions, observations, not_done(3)).tolist() == [5.0] * 3


def test_the_output_is_bounded_first_and_then_scaled() -> None:
    config = RewardModelConfig(hidden=(8,), output_bound=2.0, output_gain=0.3)
    observations, actions = steps(1.0, 3.0, 99.0)
    got = by_hand(config).reward(observations, actions, observations, not_done(3))
    assert got.tolist() == pytest.approx([-0.6, -0.06, 0.6])


@pytest.mark.parametrize("family", ["mlp", "linear"])
def test_a_model_that_learned_nothing_makes_time_cost_one(family: Family) -> None:
    observations, actions = steps(1.0, 3.0)
    model = make(family, informed=False)
    assert model.reward(observations, actions, observations, not_done(2)).tolist() == [-1.0, -1.0]


@pytest.mark.parametrize("family", ["mlp", "linear"])
def test_the_end_of_an_episode_is_worth_nothing_of_its_own(family: Family) -> None:
    observations, actions = steps(1.0, 3.0)
    model = make(family)
    going, over = (
        model.reward(observations, actions, observations, done)
        for done in (not_done(2), np.ones(2, bool))
    )
    assert np.array_equal(going, over)


def test_a_return_is_the_sum_of_real_steps_over_the_root_of_the_window() -> None:
    observations = np.zeros((2, 4, 2), np.float32)
    observations[..., 0] = [[3, 5, 99, 99], [1, 1, 1, 5]]  # rewards 0, 3, 24, 24 | -1, -1, -1, 3
    actions = np.zeros((2, 4, 1), np.float32)
    mask = np.array([[True, True, False, False], [True] * 4])
    got = by_hand().returns(
        Segments(observations, actions, observations, mask, np.zeros((2, 4, 1)))
    )
    assert got.shape == (3, 2, 1)
    # the third member is the mean one
    assert got[2, :, 0].tolist() == pytest.approx([3 / 2, 0.0])


@pytest.mark.parametrize("family", ["mlp", "linear"])
def test_padding_is_never_read(family: Family) -> None:
    some, model = segments(5), make(family)
    padded = some.observations.copy()
    padded[~some.mask] = 50.0
    changed = Segments(padded, some.actions, padded, some.mask, some.criteria)
    assert torch.equal(model.returns(some), model.returns(changed))


@pytest.mark.parametrize("family", ["mlp", "linear"])
def test_returns_do_not_depend_on_the_company(family: Family) -> None:
    some, model = segments(70), make(family)
    together = model.returns(some)
    alone = torch.cat([model.returns(some.take(np.array([i]))) for i in range(70)], dim=1)
    torch.testing.assert_close(together, alone)
    inputs, mask = model.segment_inputs(some)
    torch.testing.assert_close(together, segment_returns(model.net, inputs, mask).detach())
    torch.testing.assert_close(together, masked_returns(step_rewards(model.net, inputs), mask))


@pytest.mark.parametrize("num_steps", [1, 64])
@pytest.mark.parametrize("family", ["mlp", "linear"])
def test_acting_earns_the_reward_that_was_fitted(family: Family, num_steps: int) -> None:
    some = segments(num_steps, 1)
    observations, actions = 9 * some.observations[:, 0], some.actions[:, 0]
    original = make(family)
    for model in (original, restore(original.to_bytes()), copy.deepcopy(original)):
        got = model.reward(observations, actions, observations, not_done(num_steps))
        rows = torch.from_numpy(np.concatenate([observations, actions], axis=1))
        step = model.net(model.standardise(rows)).mean(dim=(0, 2))
        expected = model.scale_output(step).detach().numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
        assert got.dtype == np.float32
        with torch.no_grad():  # a copy must not act on what the original knows
            for tensor in (*model.net.parameters(), *model.net.buffers()):
                tensor.add_(0.1)


def test_bad_steps_are_refused() -> None:
    observations, actions = steps(1.0, np.nan)
    with pytest.raises(ValueError, match="observation must be finite"):
        make().reward(observations, actions, observations, not_done(2))
    with pytest.raises(ValueError, match=r"action must have shape"):
        make().reward(observations[:1], observations[:1], observations[:1], not_done(1))


@pytest.mark.parametrize("family", ["mlp", "linear"])
def test_a_model_survives_its_bytes(family: Family, tmp_path: Path) -> None:
    config = RewardModelConfig(InputConfig(names=("b",)), 2, (8, 4), 3.0, 0.5)
    inputs = RewardInputs(config.inputs, OBSERVATIONS, ACTIONS, ("a", "b"))
    model = new_reward_model(config, inputs, family, generator=torch.Generator().manual_seed(3))
    model.informed.fill_(True)
    path = tmp_path / "model.safetensors"
    path.write_bytes(model.to_bytes())
    restored = load_reward_model(path, OBSERVATIONS, ACTIONS, ("a", "b"))
    assert restored.to_bytes() == model.to_bytes()
    assert restored.config == config
    assert restored.family == family
    observations, actions = steps(1.0, 3.0)
    arguments = observations, actions, observations, not_done(2)
    assert np.array_equal(restored.reward(*arguments), model.reward(*arguments))


def restore(document: bytes) -> RewardModel:
    return reward_model_from_bytes(document, OBSERVATIONS, ACTIONS)


def described(header: object, **tensors: torch.Tensor) -> bytes:
    """The tensors of a good document, and more, under another description."""
    return save(load(make().to_bytes()) | tensors, metadata={"prefgym": json.dumps(header)})


def header(**changes: object) -> dict[str, object]:
    """The description of a good document, changed."""
    return {
        "format": 1,
        "family": "mlp",
        "num_inputs": 3,
        "config": {"hidden": [8], "inputs": {"names": []}},
    } | changes


def test_a_good_description_is_read() -> None:
    assert restore(described(header())).to_bytes() == make().to_bytes()


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"1234567",
        bytes(100),
        b"\xff" * 100,
        np.random.default_rng(0).bytes(1000),
        make().to_bytes()[:-1],
        make().to_bytes() + b"x",
        make().to_bytes()[:200],
        save({"weight": torch.zeros(1)}),
        described([]),
        described({}),
        described(header(format="one")),
        described(header(config=None)),
        described(header(config={"hidden": [8]})),
        described(header(config={"hidden": [8], "inputs": {"names": []}, "colour": "red"})),
        described(header(config={"hidden": [8], "inputs": {"names": []}, "num_members": 0})),
        described(header(config={"hidden": [9], "inputs": {"names": []}})),
        described(header(config={"hidden": [8.5], "inputs": {"names": []}})),
        described(header(config={"hidden": [-8], "inputs": {"names": []}})),
        described(header(format=math.inf)),
        described(header(family="linear")),
        described(header(), more=torch.zeros(1)),
    ],
)
def test_a_damaged_document_gives_one_clear_error(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not a prefgym reward model, or damaged"):
        restore(document)


def test_a_newer_document_says_so() -> None:
    newer = described(header(format=2, config="unheard of"))
    with pytest.raises(ValueError, match="format <= 1, got 2; update prefgym"):
        restore(newer)


def test_a_model_of_another_environment_is_refused() -> None:
    document = make().to_bytes()
    with pytest.raises(ValueError, match=r"reads 3 numbers per step.*gives 6.*another environment"):
        reward_model_from_bytes(document, spaces.Box(-1.0, 1.0, (5,)), ACTIONS)


def test_a_model_of_other_observations_is_refused() -> None:
    config = RewardModelConfig(InputConfig(names=("b",)))
    inputs = RewardInputs(config.inputs, OBSERVATIONS, ACTIONS, ("a", "b"))
    model = new_reward_model(config, inputs, "linear", generator=torch.Generator())
    with pytest.raises(ValueError, match=r"got \['b'\]; known: a, c"):
        reward_model_from_bytes(model.to_bytes(), OBSERVATIONS, ACTIONS, ("a", "c"))


def test_a_model_that_holds_nan_is_refused() -> None:
    model = make()
    with torch.no_grad():
        model.net.weights[0][0, 0, 0] = math.nan
    with pytest.raises(ValueError, match="damaged: it holds NaN"):
        restore(model.to_bytes())


def test_an_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"model.safetensors: not a prefgym reward model"):
        load_reward_model(path, OBSERVATIONS, ACTIONS)
    with pytest.raises(FileNotFoundError):
        load_reward_model(tmp_path / "none", OBSERVATIONS, ACTIONS)


@pytest.mark.parametrize(
    "wrong", [{"num_members": 0}, {"output_bound": 0.0}, {"output_gain": -1.0}]
)
def test_impossible_shapes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RewardModelConfig(**wrong)  # type: ignore[arg-type]
