"""LSH attention against a dense float64 oracle in numpy, written from the formulas of the paper (section II-C)."""

import numpy as np
import pytest
import torch

from training.networks.lsh_attention import (
    LSHAttention,
    attend_dense,
    attend_sorted,
    bucket_count,
    hash_buckets,
)

CHUNK = 64


def oracle_hash(q, rotations):
    """h^g(q) = argmax [q R_g ; -q R_g]: q [L,d], rotations [R,d,b/2] -> [R,L]."""
    return np.stack([np.concatenate([q @ r, -q @ r], axis=1).argmax(1) for r in rotations])


def log_sum_exp(scores, axis):
    top = scores.max(axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.exp(scores - top).sum(axis))


def oracle(q, v, buckets, rows, chunk=None):
    """a_i of the paper for the tokens i in rows, over all j. q [L,d], v [L,e], buckets [R,L] -> [rows,e].

    With a chunk length, j is visible to i in round g only within the chunk of i and its two neighbours, in the order
    of (bucket, position).
    """
    rounds, length = buckets.shape
    keys = q / np.linalg.norm(q, axis=1, keepdims=True)
    dots = q[rows] @ keys.T / np.sqrt(q.shape[1])  # [rows,L]
    shared = buckets[:, rows, None] == buckets[:, None, :]  # j in P_i^g: [R,rows,L]
    repeats = shared.sum(0)  # |{g' : j in P_i^g'}|
    itself = rows[:, None] == np.arange(length)
    a_g, z_g = [], []
    for g in range(rounds):
        visible = shared[g]
        if chunk:
            place = np.empty(length, int)
            place[np.lexsort((np.arange(length), buckets[g]))] = np.arange(length) // chunk
            visible = visible & (abs(place[rows, None] - place) <= 1)
        m = np.where(itself, 1e5, np.log(np.maximum(repeats, 1)))
        scores = np.where(visible, dots - m, -np.inf)
        z_g.append(log_sum_exp(scores, 1))
        a_g.append(np.exp(scores - z_g[g][:, None]) @ v)
    z = log_sum_exp(np.stack(z_g), 0)
    return sum(np.exp(z_g[g] - z)[:, None] * a_g[g] for g in range(rounds))


def tokens(length, d, rounds, n_buckets, batch=1, seed=0):
    """Random q, v [N,L,d] in float64 and their buckets by random rotations [N,R,L]."""
    generator = torch.Generator().manual_seed(seed)
    q, v = (torch.randn(batch, length, d, generator=generator, dtype=torch.float64) for _ in range(2))
    rotations = torch.randn(rounds, d, n_buckets // 2, generator=generator, dtype=torch.float64)
    return q, v, hash_buckets(q, torch.nn.functional.normalize(rotations, dim=1))


def longest_bucket(buckets):
    return max(np.unique(b, return_counts=True)[1].max() for b in buckets.flatten(0, 1).numpy())


@pytest.mark.parametrize(("rounds", "n_buckets"), [(1, 2), (2, 36), (4, 132)])
def test_hash_is_the_first_argmax_over_the_rotated_query_and_its_opposite(rounds, n_buckets):
    q = torch.randn(1, 500, 8, dtype=torch.float64)
    rotations = torch.randn(rounds, 8, n_buckets // 2, dtype=torch.float64)
    np.testing.assert_array_equal(hash_buckets(q, rotations)[0], oracle_hash(q[0].numpy(), rotations.numpy()))


@pytest.mark.parametrize(
    ("length", "rounds", "n_buckets"),
    [(576, 1, 36), (576, 2, 36), (576, 4, 64), (600, 3, 64), (2116, 2, 132), (2304, 4, 256)],
)
def test_both_forms_equal_the_oracle_in_every_row_while_no_bucket_is_longer_than_a_chunk(length, rounds, n_buckets):
    q, v, buckets = tokens(length, 16, rounds, n_buckets)
    assert longest_bucket(buckets) <= CHUNK
    expected = oracle(q[0].numpy(), v[0].numpy(), buckets[0].numpy(), np.arange(length))
    np.testing.assert_allclose(attend_sorted(q, v, buckets, CHUNK)[0], expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(attend_dense(q, v, buckets)[0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("length", "rounds", "n_buckets"), [(8464, 2, 768), (9216, 1, 768), (9216, 4, 1024)])
def test_both_forms_equal_the_oracle_at_the_lengths_of_large_maps(length, rounds, n_buckets):
    q, v, buckets = tokens(length, 32, rounds, n_buckets)
    assert longest_bucket(buckets) <= CHUNK
    rows = np.random.default_rng(0).choice(length, 256, replace=False)
    expected = oracle(q[0].numpy(), v[0].numpy(), buckets[0].numpy(), rows)
    by_sorting, dense = attend_sorted(q, v, buckets, CHUNK), attend_dense(q, v, buckets)
    np.testing.assert_allclose(by_sorting[0, rows], expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(dense, by_sorting, rtol=0, atol=1e-6)  # every row


@pytest.mark.parametrize("size", [24, 46, 92])
def test_the_layer_equals_the_oracle_with_the_buckets_that_it_makes_itself(size):
    """Rotations cut to the bucket count of the map, 256 at most; rows whose bucket is longer than a chunk too."""
    torch.manual_seed(size)
    layer = LSHAttention(16).double().eval()
    for module in layer.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    x = torch.randn(1, 16, size, size, dtype=torch.float64)
    with torch.inference_mode():
        q, v = (part(x)[0].flatten(1).T.numpy() for part in (layer.query, layer.value))
        answer = (layer(x) - x)[0].flatten(1).T.numpy()
    buckets = oracle_hash(q, layer.rotations[..., : min(2 * -(-size**2 // CHUNK), 256) // 2].numpy())
    rows = np.random.default_rng(0).choice(size**2, 500, replace=False)
    attended = oracle(q, v, buckets, rows, CHUNK)
    expected = attended @ layer.out.weight[:, :, 0, 0].detach().numpy().T + layer.out.bias.detach().numpy()
    np.testing.assert_allclose(answer[rows], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("length", "n_buckets"), [(64, 2), (600, 2), (600, 6), (2116, 34)])
def test_of_a_bucket_longer_than_a_chunk_the_sorted_form_sees_its_own_and_the_neighbouring_chunks(length, n_buckets):
    q, v, buckets = tokens(length, 16, 2, n_buckets)
    expected = oracle(q[0].numpy(), v[0].numpy(), buckets[0].numpy(), np.arange(length), CHUNK)
    np.testing.assert_allclose(attend_sorted(q, v, buckets, CHUNK)[0], expected, rtol=0, atol=1e-6)


def test_of_a_bucket_longer_than_a_chunk_the_dense_form_sees_all():
    q, v, buckets = tokens(600, 16, 2, 2)
    expected = oracle(q[0].numpy(), v[0].numpy(), buckets[0].numpy(), np.arange(600))
    np.testing.assert_allclose(attend_dense(q, v, buckets)[0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("attend", [attend_dense, lambda *a: attend_sorted(*a, 8)])
def test_a_token_alone_in_every_round_gets_its_own_value_and_any_other_does_not(attend):
    q, v, buckets = tokens(20, 4, 2, 2)
    buckets = torch.arange(20).repeat(1, 2, 1)
    buckets[:, 1, :2] = 0  # tokens 0 and 1 meet, in the second round only
    expected = v.clone()
    expected[:, [0, 1]] = v[:, [1, 0]]
    torch.testing.assert_close(attend(q, v, buckets), expected)


def test_single_precision_with_identical_tokens_stays_finite_and_close_to_the_oracle():
    q, v, buckets = tokens(600, 16, 2, 36)
    q[:, :200] = q[:, :1]  # a homogeneous background
    buckets[:, :, :200] = buckets[:, :, :1]
    expected = oracle(q[0].numpy(), v[0].numpy(), buckets[0].numpy(), np.arange(600), CHUNK)
    np.testing.assert_allclose(attend_sorted(q.float(), v.float(), buckets, CHUNK)[0], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("attend", [attend_dense, lambda *a: attend_sorted(*a, 4)])
def test_gradients_equal_finite_differences(attend):
    q, v, buckets = tokens(14, 3, 2, 4, batch=2)
    assert torch.autograd.gradcheck(
        lambda q, v: attend(q, v, buckets), (q.requires_grad_(), v.requires_grad_()), atol=1e-6
    )


def test_gradients_of_the_sorted_form_equal_autograd_through_the_dense_form():
    q, v, buckets = tokens(576, 16, 3, 64)
    assert longest_bucket(buckets) <= CHUNK
    upstream = torch.randn_like(v)
    inputs = (q.requires_grad_(), v.requires_grad_())
    by_sorting = torch.autograd.grad(attend_sorted(q, v, buckets, CHUNK), inputs, upstream)
    by_dense = torch.autograd.grad(attend_dense(q, v, buckets), inputs, upstream)
    for one, other in zip(by_sorting, by_dense):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize("form", ["sorted", "dense"])
def test_an_image_is_attended_to_alike_alone_and_in_a_batch(form):
    layer = LSHAttention(8, chunk=16, form=form).double().eval()
    x = torch.randn(3, 8, 9, 11, dtype=torch.float64)
    torch.testing.assert_close(layer(x)[1:2], layer(x[1:2]), rtol=0, atol=1e-12)


def test_the_rotations_are_fixed_by_the_seed_and_travel_with_the_weights():
    one, same, other = LSHAttention(8, seed=1), LSHAttention(8, seed=1), LSHAttention(8, seed=2)
    assert torch.equal(one.rotations, same.rotations)
    assert not torch.equal(one.rotations, other.rotations)
    assert "rotations" in one.state_dict()


def test_a_chunk_holds_two_buckets_of_average_size():
    assert bucket_count(2304, 64) == 2 * 2304 // 64  # m = 2 l / n_buckets
    assert bucket_count(1, 64) == 2
