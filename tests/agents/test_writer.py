from dataclasses import replace

import numpy as np
import pytest
import torch

from prefgym.agents.policies import trained_policy
from prefgym.agents.presets import preset
from prefgym.agents.writer import (
    ENV_ID,
    add_negatives,
    fit_texts,
    text_reward,
    train_writer,
    utility,
    value_by,
)
from prefgym.envs.text_summary import TextConfig
from prefgym.feedback.rating import Rating
from prefgym.feedback.written import finished_segments, written_segments
from prefgym.simulations.attacks import ATTACKS, NEGATIVES, NUM_RAMBLED, attacked, rambling
from prefgym.simulations.playback import demonstrate, play, write
from prefgym.simulations.summarizers import lead, random_picks
from prefgym.simulations.text_gold import OVERALL
from prefgym.simulations.text_observation import SUMMARY_NAMES, SUMMARY_START
from prefgym.simulations.tokens import split_sentences


def judged(num_texts: int = 120):
    """Random texts of scenes, and their gold as ratings."""
    reading = TextConfig().reading(64)
    rng = np.random.default_rng(0)
    own = rng.permutation(len(reading.texts))[:num_texts]
    played = play(reading, own, random_picks(reading, 4, rng=rng)[own])
    values = 1 + 4 * played.criteria[:, OVERALL:]
    rating = Rating(np.arange(num_texts), values, np.zeros(num_texts, np.int64))
    return reading, own, finished_segments(played.observations), rating


def test_every_bad_text_loses_to_a_judged_one_of_its_own_source() -> None:
    reading, own, segments, _ = judged(20)
    notes = [source.text for source in reading.texts]
    rng = np.random.default_rng(1)
    both, bad = add_negatives(segments, own, notes, "en", budget=5, rng=rng)
    assert len(bad) == len(NEGATIVES) * 20
    assert len(both) == len(segments) + len(bad)
    assert (bad.preference == 1).all()
    assert bad.second.tolist() == list(range(len(segments), len(both)))
    beaten = sorted(own[bad.first].tolist())
    assert beaten == sorted(np.tile(own, len(NEGATIVES)).tolist())


def test_other_bad_texts_can_be_made() -> None:
    reading, own, segments, _ = judged(20)
    notes = [source.text for source in reading.texts]
    rng = np.random.default_rng(1)
    both, bad = add_negatives(
        segments, own, notes, "en", budget=5, rng=rng, attacks={"rambling": rambling}
    )
    assert len(bad) == 20
    name = SUMMARY_START + SUMMARY_NAMES.index("summary_units")
    units = both.next_observations[bad.second, 0, name] * 5
    told = [len(split_sentences(notes[number])) for number in own]
    assert sorted(units.round().tolist()) == sorted(min(n, NUM_RAMBLED) for n in told)


def test_what_it_was_warned_of_is_worth_less() -> None:
    reading, own, segments, rating = judged()
    notes = [source.text for source in reading.texts]
    rng = np.random.default_rng(1)
    both, bad = add_negatives(segments, own, notes, "en", budget=5, rng=rng)
    config = text_reward(["overall"])
    naive = fit_texts(segments, [rating], config, seed=0)
    warned = fit_texts(both, [rating, bad], config, seed=0)
    attack = ATTACKS["first sentence three times"]
    texts = written_segments(attacked(attack, notes[:30], "en", rng), budget=5)

    def margin(model) -> float:
        return float(utility(model, segments).mean() - utility(model, texts).mean())

    assert margin(warned) > margin(naive) + 0.5


def test_a_pessimist_pays_for_disagreement() -> None:
    reading, _, segments, rating = judged()
    model = fit_texts(segments, [rating], text_reward(["overall"]), seed=0)
    wary = fit_texts(segments, [rating], text_reward(["overall"], pessimism=2.0), seed=0)
    observations = segments.next_observations[:, 0]
    state = np.repeat(observations[:1], len(observations), axis=0)
    done = np.zeros(len(observations))
    actions = np.zeros(len(observations), np.int64)
    scale = float(model.output_scale)
    hopeful = model.reward(state, actions, observations, done) * scale
    lower = wary.reward(state, actions, observations, done) * scale
    spread = model.returns(segments)[..., 0].std(dim=0, correction=0).numpy()
    inside = (np.abs(hopeful) < 4.9 * scale) & (np.abs(lower) < 4.9 * scale)
    assert inside.mean() > 0.9
    assert (hopeful - lower)[inside] == pytest.approx(2 * (spread - spread[0])[inside], abs=2e-3)
    assert value_by(model, reading)(np.array([0]), np.array([[0, 1, 2, 3, 4]])).shape == (1,)


def test_a_writer_begins_as_it_was_shown_and_is_watched() -> None:
    reading, _, segments, rating = judged()
    model = fit_texts(segments, [rating], text_reward(["overall"]), seed=0)
    readers = TextConfig().reading(len(reading.texts))
    shown = lead(readers, 2)
    config = replace(preset(ENV_ID).ppo, num_envs=8, batch_size=128, kl_penalty=50.0)
    looks = []

    def watch(ppo, start) -> None:
        states = write(readers, np.arange(len(shown)), trained_policy(ppo)).states
        looks.append(float((states[:, 2] == shown[:, 0]).mean()))
        for now, before in zip(ppo.policy.parameters(), start.parameters(), strict=True):
            assert len(looks) > 1 or torch.equal(now, before)

    start = demonstrate(readers, shown)
    train_writer({}, model, config, steps=512, seed=0, parts=2, start=start, watch=watch)
    assert len(looks) == 3
    assert looks[0] > 3 / 18  # the first unit is one of eighteen
