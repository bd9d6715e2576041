"""Locality sensitive hashing attention: section II-C of the paper, multi-round and with shared queries and keys.

Symbols: N images, L tokens (one a pixel, raster order), R hash rounds, d = d_k channels, m chunk length, C chunks.
The paper's formulas, with the readings of what it leaves open:

    k_j     = q_j / |q_j|                                                   shared queries and keys
    h^g(x)  = argmax [x R_g ; -x R_g]                                       fixed random rotations R_g
    P_i^g   = {j : h^g(q_i) = h^g(q_j)},  P_i = union of P_i^g              eq. (3)
    s_ij^g  = q_i . k_j / sqrt(d) - m_ij^g
    m_ij^g  = inf if j not in P_i^g;  1e5 if i = j;  log |{g' : j in P_i^g'}| otherwise
    z_i^g   = log sum_j exp s_ij^g                                          the partition function z(i, P_i^g)
    a_i^g   = sum_j exp(s_ij^g - z_i^g) v_j
    a_i     = sum_g exp(z_i^g - z_i) a_i^g,  z_i = log sum_g exp z_i^g

sqrt(d) stands inside the exponent, and j runs over all of the image: raster order has no past to be causal about.
"""

import math
import operator
from functools import reduce
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Form = Literal["sorted", "dense"]

SELF = 1e5  # m_ii: a token attends to itself only if nothing else shares its bucket
MASKED = -1e9  # stands for -inf: exp() of it is 0 even beside a lone -SELF
UNDERFLOW = -80.0  # exp() of it is 1e-35, nothing beside the largest weight, 1; below -87 the CPU takes ten times as long
DENSE_UP_TO = 48 * 48  # tokens: the dense form needs memory for their square
MAX_BUCKETS = 256
PADDING_BUCKET = 1 << 30  # sorted behind all others


def bucket_count(length: int, chunk: int) -> int:
    """Buckets for a chunk of m = 2 l / n_buckets tokens: a chunk holds two buckets of average size. Always even."""
    return min(2 * math.ceil(length / chunk), MAX_BUCKETS)


def hash_buckets(q: Tensor, rotations: Tensor) -> Tensor:
    """h^g(q) = argmax [q R_g ; -q R_g] for each round g.

    q [N,L,d], rotations [R,d,n_buckets/2] -> buckets [N,R,L] int64 in [0, n_buckets)
    """
    rounds, d, half = rotations.shape
    projected = q @ rotations.transpose(0, 1).reshape(d, rounds * half)  # [N,L,R*half]
    projected = projected.unflatten(2, (rounds, half))  # [N,L,R,half]
    best = projected.abs().argmax(-1, keepdim=True)  # [N,L,R,1]
    opposite = projected.gather(-1, best) < 0  # the winner is on the side of -q R
    return (best + half * opposite).squeeze(-1).transpose(1, 2)  # [N,R,L]


def attend_dense(q: Tensor, v: Tensor, buckets: Tensor) -> Tensor:
    """The formulas over the union of the rounds, with an [L,L] mask: no sorting, memory L^2.

    Subtracting log |{g' : j in P_i^g'}| makes every j of the union count once, so the rounds need not be told apart.

    q [N,L,d], v [N,L,e], buckets [N,R,L] -> [N,L,e]
    """
    k = F.normalize(q, dim=-1)
    scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])  # [N,L,L]
    shared = reduce(operator.or_, (h.unsqueeze(2) == h.unsqueeze(1) for h in buckets.unbind(1)))  # j in P_i: [N,L,L]
    itself = torch.eye(q.shape[1], dtype=q.dtype, device=q.device)
    scores = torch.where(shared, scores, MASKED) - SELF * itself
    return scores.softmax(-1) @ v


def attend_sorted(q: Tensor, v: Tensor, buckets: Tensor, chunk: int) -> Tensor:
    """The formulas by sorting tokens into buckets and cutting the order into chunks: memory L * 3m.

    A chunk attends to itself and both neighbours, which is all of P_i^g while no bucket is longer than a chunk; of a
    longer bucket it sees the part within the three chunks.

    q [N,L,d], v [N,L,e], buckets [N,R,L] -> [N,L,e]
    """
    n, length, d = q.shape
    padding = -length % chunk
    total = length + padding  # T = C m
    tokens = F.pad(torch.cat([q, v], 2), (0, 1, 0, padding), value=1)  # [N,T,d+e+1]; the 1 beside v adds up the weights
    buckets = F.pad(buckets, (0, padding), value=PADDING_BUCKET)

    position = torch.arange(total, device=q.device)
    image = total * torch.arange(n, device=q.device).unsqueeze(1)  # where an image starts in the flattened tokens
    itself = SELF * F.pad(torch.eye(chunk, dtype=q.dtype, device=q.device), (chunk, chunk))  # [m,3m]

    outputs, partitions = [], []
    for g in range(buckets.shape[1]):
        # The key is unique, so the order is the same on every machine, stable sort or not.
        order = (buckets[:, g] * total + position).sort(-1).indices  # [N,T]
        back = torch.zeros_like(order).scatter(1, order, position.expand_as(order))  # inverse permutation

        def sort(tokens: Tensor) -> Tensor:  # [N,T,·] -> [N,C,m,·]
            return tokens.flatten(0, 1)[order + image].unflatten(1, (-1, chunk))

        def unsort(chunks: Tensor) -> Tensor:  # [N,C,m,·] -> [N,L,·]
            return chunks.flatten(0, 2)[(back + image)[:, :length]]

        hashes = sort(buckets.transpose(1, 2))  # [N,C,m,R]
        pairs = zip(hashes.unbind(3), with_neighbours(hashes, outside=-1).unbind(3))
        shared = [of_i.unsqueeze(3) == of_j.unsqueeze(2) for of_i, of_j in pairs]  # R x j in P_i^g': [N,C,m,3m]
        repeats = sum(of_round.to(q.dtype) for of_round in shared).clamp(min=1)  # |{g' : j in P_i^g'}|; log(0) is slow
        minus_m = torch.where(shared[g], -repeats.log(), MASKED) - itself  # [N,C,m,3m]

        q_sorted, v_and_1 = sort(tokens).split([d, v.shape[2] + 1], 3)
        k = with_neighbours(F.normalize(q_sorted, dim=-1))
        scores = (q_sorted / math.sqrt(d)) @ k.transpose(2, 3) + minus_m  # s^g [N,C,m,3m]
        top = scores.amax(-1, keepdim=True).detach()
        weights = (scores - top).clamp(min=UNDERFLOW).exp()
        sums = weights @ with_neighbours(v_and_1)  # [N,C,m,e+1]: sum_j exp(s - top) v_j, and of exp(s - top)
        outputs.append(unsort(sums[..., :-1] / sums[..., -1:]))  # a^g [N,L,e]
        partitions.append(unsort(top + sums[..., -1:].log()))  # z^g [N,L,1]

    share = torch.stack(partitions).softmax(0)  # exp(z^g - z): [R,N,L,1]
    return (share * torch.stack(outputs)).sum(0)  # [N,L,e]


def with_neighbours(chunks: Tensor, outside: float = 0) -> Tensor:
    """Each chunk between the one before and the one after it; beyond the ends lies `outside`. [N,C,m,·] -> [N,C,3m,·]"""
    padded = F.pad(chunks, (0, 0, 0, 0, 1, 1), value=outside)
    return torch.cat([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], 2)


class LSHAttention(nn.Module):
    """Residual LSH attention over the pixels of a feature map: y = x + W_o a(W_q x, W_v x).

    One head of d_k = channels / 2. The queries are batch-normalised: centred vectors fill the buckets evenly, which
    rectified features, all of one sign, would not. The rotations are drawn once from `seed` and stored with the
    weights, so the same weights give the same buckets on every machine.

    Two forms, equal to rounding while no bucket is longer than a chunk: "sorted" is the faster on a CPU; "dense" needs
    no sorting, which suits accelerators, and is used up to 48x48 pixels.
    """

    rotations: Tensor

    def __init__(self, channels: int, rounds: int = 2, chunk: int = 64, form: Form = "sorted", seed: int = 0):
        super().__init__()
        d = channels // 2
        self.chunk = chunk
        self.form = form
        self.query = nn.Sequential(nn.Conv2d(channels, d, 1, bias=False), nn.BatchNorm2d(d))
        self.value = nn.Conv2d(channels, d, 1)
        self.out = nn.Conv2d(d, channels, 1)
        directions = torch.randn(rounds, d, MAX_BUCKETS // 2, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("rotations", F.normalize(directions, dim=1))  # unequal norms would make unequal buckets

    def forward(self, x: Tensor) -> Tensor:  # [N,c,H,W] -> [N,c,H,W]
        q = self.query(x).flatten(2).transpose(1, 2)  # [N,L,d]
        v = self.value(x).flatten(2).transpose(1, 2)  # [N,L,d]
        exact = self.rotations.dtype  # under autocast q and v are of half precision, which would blur buckets and -1e5
        with torch.autocast(x.device.type, enabled=False):
            attended = self.attend(q.to(exact), v.to(exact))  # [N,L,d]
        return x + self.out(attended.transpose(1, 2).unflatten(2, x.shape[2:]))

    def attend(self, q: Tensor, v: Tensor) -> Tensor:  # [N,L,d], [N,L,d] -> [N,L,d]
        length = q.shape[1]
        with torch.no_grad():
            buckets = hash_buckets(q, self.rotations[:, :, : bucket_count(length, self.chunk) // 2])  # [N,R,L]
        if self.form == "dense" and length <= DENSE_UP_TO:
            return attend_dense(q, v, buckets)
        return attend_sorted(q, v, buckets, self.chunk)
