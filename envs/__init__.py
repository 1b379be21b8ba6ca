"""Gymnasium environments to give preferences on; importing this registers them."""

import gymnasium


def register() -> None:
    """Registers every environment that is not yet registered."""
    if "prefgym/Driving-v0" not in gymnasium.registry:
        gymnasium.register(
            id="prefgym/Driving-v0",
            entry_point="prefgym.envs.driving:DrivingEnv",
            vector_entry_point="prefgym.envs.driving_vector:driving_vector_env",
        )
    if "prefgym/TextSummary-v0" not in gymnasium.registry:
        gymnasium.register(
            id="prefgym/TextSummary-v0",
            entry_point="prefgym.envs.text_summary:TextSummaryEnv",
            vector_entry_point="prefgym.envs.text_summary_vector:TextSummaryVectorEnv",
        )


register()
