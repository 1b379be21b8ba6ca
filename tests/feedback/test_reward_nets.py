import numpy as np
import torch

from prefgym.feedback.reward_nets import LinearSquares, MLPEnsemble, square_features


def ensemble(seed: int = 0, num_members: int = 3, num_heads: int = 1) -> MLPEnsemble:
    generator = torch.Generator().manual_seed(seed)
    return MLPEnsemble(
        4, num_members=num_members, hidden=(8, 8), num_heads=num_heads, generator=generator
    )


def rows(num_rows: int = 5) -> torch.Tensor:
    return torch.randn(num_rows, 4, generator=torch.Generator().manual_seed(1))


def test_every_member_is_a_network_of_its_own() -> None:
    net, x = ensemble(num_heads=2), rows()
    got = net(x).detach().numpy()
    assert got.shape == (3, 5, 2)
    weights = [weight.detach().numpy() for weight in net.weights]
    biases = [bias.detach().numpy() for bias in net.biases]
    for member in range(3):
        hidden = x.numpy()
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            hidden = np.maximum(hidden @ weight[member] + bias[member], 0)
        expected = np.tanh(hidden @ weights[-1][member] + biases[-1][member])
        np.testing.assert_allclose(got[member], expected, rtol=1e-5, atol=1e-6)


def test_members_do_not_share_gradients() -> None:
    net = ensemble()
    net(rows())[1].sum().backward()
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert parameter.grad[1].any()
        assert not parameter.grad[[0, 2]].any()


def test_weights_follow_from_the_generator() -> None:
    there, same, other = ensemble(0), ensemble(0), ensemble(1)
    assert all(
        torch.equal(a, b) for a, b in zip(there.parameters(), same.parameters(), strict=True)
    )
    assert not torch.equal(there.weights[0], other.weights[0])
    assert not torch.equal(there.weights[0][0], there.weights[0][1])


def test_rewards_start_small_and_stay_bounded() -> None:
    net = ensemble(num_members=20)
    assert net(rows(100)).abs().max() < 0.2
    assert net(1e6 * rows(100)).abs().max() <= 1.0


def test_features_are_inputs_squares_and_a_constant() -> None:
    assert square_features(torch.tensor([[2.0, -3.0]])).tolist() == [[2, -3, 4, 9, 1]]


def test_a_linear_reward_weighs_its_features() -> None:
    net = LinearSquares(2, num_members=2)
    net.weight.copy_(
        torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 0.0, 0.0, 0.0, 1.0]])[..., None]
    )
    got = net(torch.tensor([[2.0, -3.0]]))
    assert got.tolist() == [[[2 - 6 + 12 + 36 + 5]], [[1.0]]]
