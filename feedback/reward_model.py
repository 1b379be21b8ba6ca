"""A reward model: standardised inputs, one family of step reward, and a bounded output."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Bool, Float, Float32
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from prefgym.feedback.encoding import Batch
from prefgym.feedback.reward_inputs import InputConfig, RewardInputs
from prefgym.feedback.reward_nets import Family, LinearSquares, MLPEnsemble
from prefgym.feedback.segment import Segments

FORMAT = 1
INPUT_BOUND = 5.0
SHARE_FLOOR = 0.02  # what a head that is worse than all that was labelled still counts
_SEGMENTS_AT_ONCE = 32  # bounds the memory of an evaluation, and stays in the cache


@dataclass(frozen=True, slots=True)
class RewardModelConfig:
    """The shape of a reward model, whichever family it ends up in.

    `output_bound` clips the standardised reward, `output_gain` scales what PPO sees.
    `form` "sum" adds up the steps of a segment. "potential" judges what a segment has come to, by
    its last step alone: a step is then worth what it adds, and an episode what its end is worth.
    `heads` names the criteria that ratings may be of. What they amount to is their mean, or, where
    none may make up for another, the geometric mean of how each compares with what was labelled.
    `pessimism` takes so many standard deviations of the members' opinions from their mean: what
    they disagree on, since nobody has judged the like of it, is then worth less.
    """

    inputs: InputConfig = field(default_factory=InputConfig)
    num_members: int = 3
    hidden: tuple[int, ...] = (64, 64)
    output_bound: float = 5.0
    output_gain: float = 1.0
    form: Literal["sum", "potential"] = "sum"
    heads: tuple[str, ...] = ("overall",)
    combine: Literal["mean", "geometric"] = "mean"
    pessimism: float = 0.0

    def __post_init__(self) -> None:
        if self.form not in ("sum", "potential") or self.combine not in ("mean", "geometric"):
            raise ValueError(
                "form must be 'sum' or 'potential' and combine 'mean' or 'geometric', "
                f"got {self.form!r} and {self.combine!r}"
            )
        if not self.heads:
            raise ValueError("heads must name at least one criterion")
        inputs = self.inputs
        if self.form == "potential" and (inputs.state or inputs.action or not inputs.next_state):
            raise ValueError("form 'potential' reads the next state alone: set inputs accordingly")
        if not 0 <= self.pessimism < np.inf:
            raise ValueError(f"pessimism must be >= 0, got {self.pessimism}")
        if self.num_members < 1:
            raise ValueError(f"num_members must be at least 1, got {self.num_members}")
        if not (self.output_bound > 0 and self.output_gain > 0):
            raise ValueError("output_bound and output_gain must be positive")


class RewardModel(nn.Module):
    """Learned reward of a step, `reward(state, action, next_state, done) -> (batch,)`.

    Inside, `net` gives `(member, row, head)`. Input standardisation and output scaling are part
    of the model and change only when it is fitted. A model that has learned nothing yet (no
    answer, or ties only) gives -1 for every step: a neutral cost of time, which keeps a policy
    exploring towards an end of the episode.
    """

    input_mean: Tensor
    input_sd: Tensor
    column_scale: Tensor
    head_mean: Tensor
    head_sd: Tensor
    output_offset: Tensor
    output_scale: Tensor
    informed: Tensor

    def __init__(
        self, config: RewardModelConfig, inputs: RewardInputs, net: MLPEnsemble | LinearSquares
    ) -> None:
        super().__init__()
        self.config = config
        self.inputs = inputs
        self.net = net
        self.register_buffer("input_mean", torch.zeros(inputs.size))
        self.register_buffer("input_sd", torch.ones(inputs.size))
        self.register_buffer("column_scale", torch.from_numpy(inputs.column_scale))
        self.register_buffer("head_mean", torch.zeros(len(config.heads)))
        self.register_buffer("head_sd", torch.ones(len(config.heads)))
        self.register_buffer("output_offset", torch.zeros(()))
        self.register_buffer("output_scale", torch.ones(()))
        self.register_buffer("informed", torch.zeros((), dtype=torch.bool))

    @property
    def family(self) -> Family:
        """Which of the two families the step reward belongs to."""
        return "mlp" if isinstance(self.net, MLPEnsemble) else "linear"

    def standardise(self, rows: Float[Tensor, "*batch input"]) -> Float[Tensor, "*batch input"]:
        """Input rows in standard units, clamped, with the action columns scaled."""
        units = (rows - self.input_mean).div_(self.input_sd)
        return units.clamp_(-INPUT_BOUND, INPUT_BOUND).mul_(self.column_scale)

    def segment_inputs(
        self, segments: Segments
    ) -> tuple[Float[Tensor, "segment time input"], Bool[Tensor, "segment time"]]:
        """Standardised inputs of the steps that make a segment's return, and which are real."""
        if self.config.form == "potential":
            segments = segments.last_steps()
        rows = self.inputs.select(
            segments.observations, segments.actions, segments.next_observations
        )
        return self.standardise(torch.from_numpy(rows)), torch.from_numpy(segments.mask)

    @torch.inference_mode()
    def returns(self, segments: Segments) -> Float[Tensor, "member segment head"]:
        """Every member's return of each segment, in the units of the fitted likelihood."""
        inputs, mask = self.segment_inputs(segments)
        return masked_returns(step_rewards(self.net, inputs), mask)

    def utility(self, heads: Float[Tensor, "*batch head"]) -> Float[Tensor, "*batch"]:
        """What the heads amount to; geometric: in (0, 1), each head against what was labelled."""
        if self.config.combine == "mean":
            return heads.mean(dim=-1)
        share = normal_share((heads - self.head_mean) / self.head_sd)
        return share.clamp_min(SHARE_FLOOR).log().mean(dim=-1).exp()

    @torch.inference_mode()
    def score(self, segments: Segments) -> Float[Tensor, " segment"]:
        """How good segments are in (0, 1): about the share of what was labelled that is worse."""
        utility = self.utility(self.returns(segments).mean(dim=0))
        if self.config.combine == "geometric":
            return utility
        return normal_share((utility - self.output_offset) / self.output_scale)

    def reward(
        self, state: Batch, action: Batch, next_state: Batch, done: Batch
    ) -> Float32[np.ndarray, " batch"]:
        """Learned reward of a batch of steps: mean over members, standardised and bounded.

        Raises:
            ValueError: if a part does not fit the environment's spaces or is not finite.
        """
        del done  # an absorbing state earns nothing: the episode's end needs no case of its own
        potential = self.config.form == "potential"
        rows = self.inputs.rows(state, action, next_state)
        if not bool(self.informed):
            return np.full(len(rows), 0.0 if potential else -1.0, np.float32)
        step = self._worth(rows)
        offset, scale = self.output_offset.item(), self.output_scale.item()
        if potential:
            step, offset = step - self._worth(self.inputs.rows(state, action, state)), 0.0
        bound = self.config.output_bound
        return ((step - offset) / scale).clip(-bound, bound) * self.config.output_gain

    @torch.inference_mode()
    def _worth(self, rows: Float32[np.ndarray, "row input"]) -> Float32[np.ndarray, " row"]:
        """Utility of raw input rows."""
        mean, sd = self.input_mean.numpy(), self.input_sd.numpy()
        with np.errstate(over="ignore"):  # whatever becomes infinite here is clipped
            units = ((rows - mean) / sd).clip(-INPUT_BOUND, INPUT_BOUND)
        units *= self.inputs.column_scale
        if self.config.pessimism > 0:
            return self._lower_bound(units)
        heads = self.net.mean_reward(units)
        if heads.shape[1] == 1 and self.config.combine == "mean":
            return heads[:, 0]
        return self.utility(torch.from_numpy(heads)).numpy()

    def _lower_bound(self, units: Float32[np.ndarray, "row input"]) -> Float32[np.ndarray, " row"]:
        """Mean of the members' utilities, less `pessimism` of their standard deviations."""
        opinions = self.utility(self.net(torch.from_numpy(units)))
        lower = opinions.mean(dim=0) - self.config.pessimism * opinions.std(dim=0, correction=0)
        found: np.ndarray = lower.numpy()
        return found

    def scale_output(self, utility: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """What PPO sees of a step's utility."""
        bound = self.config.output_bound
        units = (utility - self.output_offset) / self.output_scale
        return units.clamp(-bound, bound) * self.config.output_gain

    def to_bytes(self) -> bytes:
        """The model as one safetensors document; equal models give equal bytes."""
        tensors = {name: value.contiguous() for name, value in self.state_dict().items()}
        header = {
            "format": FORMAT,
            "family": self.family,
            "config": asdict(self.config),
            "num_inputs": self.inputs.size,
        }
        return save_tensors(tensors, metadata={"prefgym": json.dumps(header, sort_keys=True)})


def normal_share(units: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Share of a standard normal population below a value, by the logistic approximation."""
    return torch.sigmoid(1.702 * units)


def segment_returns(
    net: nn.Module, inputs: Float[Tensor, "segment time input"], mask: Bool[Tensor, "segment time"]
) -> Float[Tensor, "member segment head"]:
    """Every member's return of each segment, with gradients: what a fit of `net` trains on."""
    return masked_returns(_step_rewards(net, inputs), mask)


@torch.no_grad()
def step_rewards(
    net: nn.Module, inputs: Float[Tensor, "segment time input"]
) -> Float[Tensor, "member segment time head"]:
    """Step rewards of every member without gradients, a few segments at a time."""
    return torch.cat([_step_rewards(net, part) for part in inputs.split(_SEGMENTS_AT_ONCE)], dim=1)


def _step_rewards(
    net: nn.Module, inputs: Float[Tensor, "segment time input"]
) -> Float[Tensor, "member segment time head"]:
    step = net(inputs.flatten(0, 1))
    return step.unflatten(1, inputs.shape[:2])


def masked_returns(
    step: Float[Tensor, "member segment time head"], mask: Bool[Tensor, "segment time"]
) -> Float[Tensor, "member segment head"]:
    """Masked sums of step rewards over sqrt(time).

    The absorbing state after a true termination counts 0, so padded steps add nothing; dividing
    by sqrt(time) keeps the logit's spread independent of the segment's length.
    """
    weight = mask.to(step.dtype) / mask.shape[1] ** 0.5
    return (step * weight[None, :, :, None]).sum(dim=2)


def new_reward_model(
    config: RewardModelConfig,
    inputs: RewardInputs,
    family: Family,
    *,
    generator: torch.Generator,
) -> RewardModel:
    """An uninformed reward model of one family."""
    net: MLPEnsemble | LinearSquares
    if family == "mlp":
        net = MLPEnsemble(
            inputs.size,
            num_members=config.num_members,
            hidden=config.hidden,
            num_heads=len(config.heads),
            generator=generator,
        )
    else:
        net = LinearSquares(
            inputs.size, num_members=config.num_members, num_heads=len(config.heads)
        )
    return RewardModel(config, inputs, net)


def reward_model_from_bytes(
    document: bytes,
    observation_space: spaces.Space[object],
    action_space: spaces.Space[object],
    observation_names: tuple[str, ...] = (),
) -> RewardModel:
    """The inverse of `RewardModel.to_bytes` for an environment with these spaces.

    Raises:
        ValueError: if the document is corrupt, newer than this version, or made for other spaces.
    """
    with _damage_reported():
        length = int.from_bytes(document[:8], "little")
        header = json.loads(json.loads(document[8 : 8 + length])["__metadata__"]["prefgym"])
        form = int(header["format"])
    if form > FORMAT:
        raise ValueError(f"reward model must have format <= {FORMAT}, got {form}; update prefgym")
    with _damage_reported():
        tensors = load_tensors(document)
        values = header["config"]
        inner = values["inputs"]
        input_config = InputConfig(**{**inner, "names": tuple(inner["names"])})
        tuples: dict[str, Any] = {
            name: tuple(value) for name, value in values.items() if isinstance(value, list)
        }
        config = RewardModelConfig(**{**values, **tuples, "inputs": input_config})
        family, num_inputs = header["family"], header["num_inputs"]
    inputs = RewardInputs(input_config, observation_space, action_space, observation_names)
    if inputs.size != num_inputs:
        raise ValueError(
            f"reward model reads {num_inputs} numbers per step, but this environment "
            f"gives {inputs.size}; was it fitted for another environment?"
        )
    with _damage_reported():
        model = new_reward_model(config, inputs, family, generator=torch.Generator())
        model.load_state_dict(tensors)
    if not all(bool(value.isfinite().all()) for value in tensors.values()):
        raise ValueError("reward model is damaged: it holds NaN or infinity")
    return model


@contextmanager
def _damage_reported() -> Iterator[None]:
    """Whatever reading a damaged document raises, as one kind of error."""
    faults = (KeyError, TypeError, ValueError, OverflowError, RuntimeError, SafetensorError)
    try:
        yield
    except faults as error:
        raise ValueError(f"not a prefgym reward model, or damaged: {error!r}") from error


def load_reward_model(
    path: Path,
    observation_space: spaces.Space[object],
    action_space: spaces.Space[object],
    observation_names: tuple[str, ...] = (),
) -> RewardModel:
    """The reward model in a file written from `RewardModel.to_bytes`.

    Raises:
        ValueError: if the file is corrupt, newer than this version, or made for other spaces.
        OSError: if it cannot be read.
    """
    try:
        return reward_model_from_bytes(
            path.read_bytes(), observation_space, action_space, observation_names
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
