from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_sb3

from prefgym.agents.vec_env import make_vec_env
from prefgym.envs.text_sources import MAX_BYTES, guess_language, read_texts
from prefgym.simulations.corpora import sources
from prefgym.simulations.text_table import text_table
from prefgym.simulations.text_worlds import STOP

ENV_ID = "prefgym/TextSummary-v0"
RAIN = "It rained. The bus was late. We walked home in our socks."
ENCODED = ({}, {"encoder": "words"}, {"encoder": "wordllama"})


def make(**kwargs):
    return gymnasium.make(ENV_ID, **kwargs)


def need(kwargs):
    """Skips where the encoder's package is not installed."""
    if kwargs.get("encoder", "words") != "words":
        pytest.importorskip(kwargs["encoder"])


def actions(num_steps, num_envs, seed=0):
    return np.random.default_rng(seed).integers(0, STOP + 1, (num_steps, num_envs))


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"corpus": "articles", "language": "zh"},
        {"text": RAIN},
        {"corpus": "articles", "encoder": "wordllama"},
    ],
)
def test_both_checkers_are_silent(kwargs):
    need(kwargs)
    check_env(make(**kwargs).unwrapped, skip_render_check=True)
    check_sb3(make(**kwargs))


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"corpus": "articles", "language": "both"},
        {"corpus": "articles", "language": "both", "encoder": "wordllama"},
    ],
)
def test_single_vector_and_sb3_forms_give_the_same_traces(kwargs):
    need(kwargs)
    vector = gymnasium.make_vec(
        ENV_ID,
        num_envs=3,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.SAME_STEP,
        **kwargs,
    )
    adapter = make_vec_env(ENV_ID, kwargs, 3)
    singles = [make(**kwargs) for _ in range(3)]
    sight, _ = vector.reset(seed=7)
    adapter.seed(7)
    adapted = adapter.reset()
    alone = np.stack([env.reset(seed=7 + i)[0] for i, env in enumerate(singles)])
    for action in actions(40, 3):
        assert sight.tobytes() == adapted.tobytes() == alone.tobytes()
        sight, rewards, ended, _, infos = vector.step(action)
        adapted, adapted_rewards, dones, _ = adapter.step(action)
        for i, env in enumerate(singles):
            alone[i], reward, done, _, info = env.step(int(action[i]))
            assert reward == rewards[i]
            assert np.float32(reward) == np.float32(adapted_rewards[i])
            assert done == ended[i] == dones[i]
            assert (info["criteria"] == infos["criteria"][i]).all()
            if done:
                alone[i] = env.reset()[0]


def test_worlds_that_reset_at_the_next_step_leave_each_other_alone():
    native, batch = (
        gymnasium.make_vec(ENV_ID, num_envs=3, vectorization_mode=form, budget=2)
        for form in ("vector_entry_point", "sync")
    )
    seen, info = native.reset(seed=7)
    expected, _ = batch.reset(seed=7)
    for action in actions(40, 3):
        assert seen.tobytes() == expected.tobytes()
        assert (info["state"][:, 1] <= 2).all()
        seen, *one, info = native.step(action)
        expected, *other, info_expected = batch.step(action)
        assert info["state"].tobytes() == info_expected["state"].tobytes()
        for ours, theirs in zip(one, other, strict=True):
            assert ours.tobytes() == theirs.tobytes()


def test_the_return_is_the_gold_of_the_text():
    env = make()
    env.reset(seed=0)
    total = np.zeros(5)
    for action in (2, 5, 7, STOP):
        *_, info = env.step(action)
        total += info["criteria"]
    assert (total >= -1e-12).all()
    assert (total <= 1 + 1e-12).all()
    assert env.unwrapped.weights @ total == pytest.approx(total[-1])


def test_a_unit_picked_twice_changes_nothing_but_the_step():
    env = make()
    env.reset(seed=0)
    env.step(4)
    before = env.unwrapped.text()
    _, reward, *_ = env.step(4)
    assert reward == 0.0
    assert env.unwrapped.text() == before


def test_an_episode_ends_by_stop_budget_or_patience():
    env = make(budget=2)
    for chosen, length in (((0, STOP), 2), ((0, 1), 2), ((0, 0, 0, 0, 0), 5)):
        env.reset(seed=0)
        ends = [env.step(action)[2] for action in chosen]
        assert ends == [False] * (length - 1) + [True]


def test_masks_open_what_can_be_picked():
    env = make(text=RAIN)
    env.reset(seed=0)
    assert env.unwrapped.action_masks().nonzero()[0].tolist() == [0, 1, 2]
    env.step(1)
    assert env.unwrapped.action_masks().nonzero()[0].tolist() == [0, 2, STOP]


def test_observations_hold_nothing_that_was_annotated():
    """The same texts with other facts look the same."""
    source = sources("articles", "en", "train")[0]
    units = tuple(
        replace(unit, states=(), contradicts=(), needs=(), senses=(), place=0)
        for unit in source.units
    )
    bare = text_table([replace(source, units=units)], 4, {})
    full = text_table([source], 4, {})
    seen = ("num_units", "static", "similarity", "terms", "term_weight", "length")
    seen += ("sentence_length", "unit_length")
    for name in seen:
        assert (getattr(bare, name) == getattr(full, name)).all(), name


def test_a_text_of_ones_own_has_no_gold():
    env = make(text=RAIN, render_mode="ansi")
    env.reset(seed=0)
    _, reward, *_, info = env.step(1)
    assert reward == 0.0
    assert "criteria" not in info
    assert env.unwrapped.source == RAIN
    assert env.unwrapped.text() == "The bus was late."
    assert "gold is unavailable" in env.render()
    assert "gold is unavailable" in env.unwrapped.html()


def test_html_shows_texts_as_texts():
    env = make(text="<b>One</b> & only. Two <script>.")
    env.reset(seed=0)
    env.step(0)
    assert "&lt;b&gt;One&lt;/b&gt; &amp; only." in env.unwrapped.html()
    assert "<script>" not in env.unwrapped.html()


def test_a_source_can_be_chosen():
    env = make(split="test")
    env.reset(options={"source": 3})
    assert env.unwrapped.source == env.unwrapped.sources[3].text
    with pytest.raises(ValueError, match=r"source must be a number in \[0, 60\), got 60"):
        env.reset(options={"source": 60})


def test_files_and_folders_are_read(tmp_path):
    (tmp_path / "b.txt").write_text(RAIN)
    (tmp_path / "a.md").write_text("雨停了。车晚了。我们走回家。", encoding="utf-8")
    assert [source.id for source in read_texts(tmp_path)] == ["a.md", "b.txt"]
    assert [source.language for source in read_texts(str(tmp_path))] == ["zh", "en"]


def test_a_long_text_becomes_twenty_units_and_loses_nothing():
    text = " ".join(f"Sentence number {i} is here." for i in range(70))
    (source,) = read_texts(text)
    assert len(source.units) == 20
    assert source.text == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "at least 2 sentences, got an empty text"),
        (b"Only one sentence.", "at least 2 sentences, got one"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "must be text in UTF-8"),
        (b"a\x00b. c.", "got a binary file"),
        (b"x" * (MAX_BYTES + 1), "at most 1,000,000 bytes, got 1,000,001"),
    ],
)
def test_files_that_cannot_be_summarised_say_why(tmp_path, content, message):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_texts(path)


@pytest.mark.parametrize("path", ["missing.txt", "runs/x", "C:\\texts\\a"])
def test_a_missing_file_is_not_taken_for_a_text(path):
    with pytest.raises(ValueError, match="there is no file or folder"):
        read_texts(path)


def test_languages_are_told_apart():
    assert guess_language("太阳落山了。") == "zh"
    assert guess_language("日が沈みました。") == "ja"
    assert guess_language("Die Sonne geht unter.") == "en"


def test_the_encoder_changes_columns_and_no_shapes():
    need({"encoder": "wordllama"})
    words, named, embedded = (make(text=RAIN, **kwargs) for kwargs in ENCODED)
    sights = [env.reset(seed=0)[0] for env in (words, named, embedded)]
    assert sights[0].tobytes() == sights[1].tobytes() != sights[2].tobytes()
    assert words.observation_space == embedded.observation_space
    assert words.unwrapped.observation_names == embedded.unwrapped.observation_names


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="encoder must be one of words, wordllama, got 'bert'"):
        make(encoder="bert")
    with pytest.raises(ValueError, match="corpus must be one of sunsets, articles, got 'news'"):
        make(corpus="news")
    with pytest.raises(ValueError, match=r"budget must be in \[0, 20\]"):
        make(budget=21)
    env = make()
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.unwrapped.step(0)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action must be in \[0, 20\]"):
        env.unwrapped.step(21)


def test_masks_keep_a_maskable_policy_from_wasting_steps() -> None:
    contrib = pytest.importorskip("sb3_contrib")
    env = make()
    model = contrib.MaskablePPO("MlpPolicy", env, n_steps=64, batch_size=32, n_epochs=2, seed=0)
    model.learn(256)
    bare = env.unwrapped
    for seed in range(20):
        observation, _ = env.reset(seed=seed)
        ended, picked = False, []
        while not ended:
            action, _ = model.predict(observation, action_masks=bare.action_masks())
            assert bare.action_masks()[int(action)]
            picked.append(int(action))
            observation, _, ended, _, _ = env.step(action)
        assert len(set(picked)) == len(picked)
        assert bare.text()
