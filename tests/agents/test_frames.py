import io

import numpy as np
from PIL import Image

from prefgym.agents.config import RunConfig
from prefgym.agents.frames import film, to_webp
from prefgym.agents.policies import random_policy
from prefgym.agents.vec_env import describe

DRIVING = RunConfig("prefgym/Driving-v0")


def test_a_film_has_a_picture_of_the_moment_before_every_step() -> None:
    space = describe(DRIVING.env_id, {}).action_space
    policy = random_policy(space, 1, rng=np.random.default_rng(0))
    filmed = film(DRIVING, policy, 90, seed=3)
    assert filmed is not None
    assert len(filmed.frames) == filmed.trajectories.num_steps == 90
    assert filmed.trajectories.lengths.tolist() == [80, 10]
    assert max(filmed.frames[0].shape) == 320


def test_an_environment_that_cannot_draw_is_not_filmed() -> None:
    text = RunConfig("prefgym/TextSummary-v0")
    assert film(text, lambda _: np.zeros(1, np.int64), 4, seed=0) is None


def test_frames_become_one_animated_picture_in_their_order() -> None:
    shades = [np.full((40, 60, 3), shade, np.uint8) for shade in (0, 120, 240)]
    with Image.open(io.BytesIO(to_webp(shades))) as picture:
        assert (picture.format, picture.size, picture.n_frames) == ("WEBP", (60, 40), 3)  # type: ignore[attr-defined]
        for number, shade in enumerate((0, 120, 240)):
            picture.seek(number)
            assert abs(np.asarray(picture.convert("RGB")).mean() - shade) < 5
