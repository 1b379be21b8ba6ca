"""`python -m prefgym.envs.compile` compiles the simulators, so that nobody waits for it later.

Numba keeps what it has compiled beside the sources; without this, whoever is first waits.
"""

import gymnasium
import numpy as np

from prefgym.envs import register


def main() -> None:
    """Take one step in every environment, alone and in a batch."""
    register()
    for name in [name for name in gymnasium.registry if name.startswith("prefgym/")]:
        env = gymnasium.make(name)
        env.reset(seed=0)
        action = env.action_space.sample()
        env.step(action)
        vector = gymnasium.make_vec(name, 2, vectorization_mode="vector_entry_point")
        vector.reset(seed=0)
        vector.step(np.stack([action, action]))


if __name__ == "__main__":
    main()
