"""`prefgym summarize`: a trained policy reads a text of the user's own."""

from pathlib import Path

import gymnasium
import numpy as np

from prefgym.agents.policies import Policy
from prefgym.agents.run import RunError
from prefgym.agents.train import TrainedRun
from prefgym.envs.text_summary import TextSummaryEnv

ENV_ID = "prefgym/TextSummary-v0"


def summarize(run: TrainedRun, text: str | Path, *, budget: int = 0) -> list[tuple[str, str]]:
    """The name and the summary of every text, as the run's policy picks it.

    Args:
        run: a finished run of the text environment.
        text: a string, a file or a folder.
        budget: sentences a summary may have; 0: four.

    Raises:
        RunError: if the run is of another environment.
        ValueError: if there is nothing to summarise.
    """
    if run.config.env_id != ENV_ID:
        raise RunError(
            f"{run.folder} is a run of {run.config.env_id}; summarising needs one of {ENV_ID}"
        )
    encoder = run.config.env_kwargs.get("encoder", "words")  # what the policy has learned to read
    env = gymnasium.make(ENV_ID, text=text, budget=budget, encoder=encoder).unwrapped
    assert isinstance(env, TextSummaryEnv)
    return [(source.id, read(env, run.policy, number)) for number, source in enumerate(env.sources)]


def read(env: TextSummaryEnv, policy: Policy, number: int) -> str:
    """The text that a policy makes of source `number`."""
    observation, _ = env.reset(options={"source": number})
    ended = False
    while not ended:
        action = policy(observation[None])
        observation, _, ended, _, _ = env.step(np.int64(action[0]))
    return env.text()
