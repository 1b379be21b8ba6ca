"""The newest recorded behaviour, from which the next queries are cut."""

from dataclasses import fields

import numpy as np
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from prefgym.feedback.trajectory import Trajectories, concatenate


class Pool:
    """Recordings of the latest stages, dropped whole once newer ones hold `capacity` steps."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._parts: list[Trajectories] = []

    def add(self, recording: Trajectories) -> None:
        """Add the newest recording, and drop the oldest that are not needed."""
        self._parts.append(recording)
        while sum(part.num_steps for part in self._parts[1:]) >= self.capacity:
            del self._parts[0]

    def forget(self, num_new_steps: int) -> None:
        """Drop what `num_new_steps` of recording to come would push out anyway."""
        while self._parts and (
            sum(part.num_steps for part in self._parts[1:]) + num_new_steps >= self.capacity
        ):
            del self._parts[0]

    @property
    def trajectories(self) -> Trajectories:
        """Everything in the pool."""
        return concatenate(self._parts)

    @property
    def newest(self) -> Trajectories:
        """The latest recording alone."""
        return self._parts[-1]

    def to_bytes(self) -> bytes:
        """The pool as one safetensors document."""
        arrays: dict[str, np.ndarray] = {}
        for number, part in enumerate(self._parts):
            for field in fields(part):
                value = getattr(part, field.name)
                if value is not None:
                    arrays[f"{number}.{field.name}"] = np.ascontiguousarray(value)
        return save_arrays(arrays, metadata={"parts": str(len(self._parts))})

    def restore(self, document: bytes) -> None:
        """Put back what `to_bytes` saved."""
        parts: dict[int, dict[str, np.ndarray]] = {}
        for name, value in load_arrays(document).items():
            number, field = name.split(".")
            parts.setdefault(int(number), {})[field] = value
        self._parts = [Trajectories(**parts[number]) for number in sorted(parts)]
