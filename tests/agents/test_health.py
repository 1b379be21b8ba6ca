from prefgym.agents.health import Signs, complaints

WELL = Signs(
    gold_return=-150.0,
    first_gold_return=-1200.0,
    best_gold_return=-140.0,
    spread=5.0,
    log_std=-0.9,
    tie_rate=0.1,
    informed=True,
    agreement=0.9,
    progress=0.8,
)


def test_a_run_that_goes_well_is_left_alone() -> None:
    assert complaints(WELL) == []


def test_a_collapse_is_said_once_training_is_half_over() -> None:
    lost = WELL._replace(gold_return=-1100.0)
    assert "collapsed to -1100" in complaints(lost)[0]
    assert complaints(lost._replace(progress=0.3)) == []


def test_a_small_sure_loss_is_no_collapse() -> None:
    assert complaints(WELL._replace(gold_return=80.57, first_gold_return=81.22,
                                    best_gold_return=81.81, spread=0.1)) == []  # fmt: skip


def test_every_other_sign_has_its_sentence() -> None:
    assert "every answer so far is a tie" in complaints(WELL._replace(informed=False))[0]
    assert "exploration has almost stopped" in complaints(WELL._replace(log_std=-2.5))[0]
    assert "only 52% of fresh" in complaints(WELL._replace(agreement=0.52))[0]
