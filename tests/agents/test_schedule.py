import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgym.agents.config import LoopConfig, PPOConfig
from prefgym.agents.schedule import label_shares, stages


def test_the_control_preset_spends_what_it_may_and_no_more() -> None:
    loop, ppo = LoopConfig(), PPOConfig()
    plan = stages(loop, ppo)
    # (100,000 - 8,000) // 2,048 = 44 rollouts; labels after 4, 8, 12, 15 and 19 of them
    assert [stage.labels for stage in plan] == [67, 33, 33, 33, 34, 0, 0, 0, 0]
    assert [stage.rollouts for stage in plan] == [4, 4, 4, 3, 4, 6, 6, 6, 7]
    assert sum(stage.rollouts for stage in plan) * ppo.rollout + loop.exploration <= loop.steps


@given(
    labels=st.integers(1, 300),
    rounds=st.integers(1, 20),
    share=st.floats(0.01, 1.0),
    steps=st.integers(20_000, 300_000),
    fraction=st.floats(0.0, 1.0),
)
def test_every_label_is_asked_and_no_step_too_many(
    labels: int, rounds: int, share: float, steps: int, fraction: float
) -> None:
    loop = LoopConfig(
        labels=labels,
        rounds=min(rounds, labels),
        first_share=share,
        steps=steps,
        label_fraction=fraction,
    )
    plan = stages(loop, PPOConfig())
    assert sum(stage.labels for stage in plan) == labels
    assert min(label_shares(loop)) >= (0 if loop.rounds < labels else 1)
    spent = sum(stage.rollouts for stage in plan) * PPOConfig().rollout + loop.exploration
    assert steps - PPOConfig().rollout < spent <= steps
    assert all(stage.rollouts >= 0 for stage in plan)


def test_too_few_steps_say_how_many_are_needed() -> None:
    with pytest.raises(ValueError, match=r"steps must be at least 18240 .* got 5000"):
        stages(LoopConfig(steps=5000), PPOConfig())
