"""Opinions into a reward: segments, answers, the store, reward models."""
