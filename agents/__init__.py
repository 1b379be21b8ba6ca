"""PPO, the preference loop, evaluation, reports and the command line."""
