"""PPO, the preference loop, evaluation, reports and the command line."""

from prefgym.agents.train import TrainedRun, load_run, resume, train, train_on_gold

__all__ = ["TrainedRun", "load_run", "resume", "train", "train_on_gold"]
