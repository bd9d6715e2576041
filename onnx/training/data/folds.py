"""Grouped cross validation: slices of one patient, volume or look-alike group are never on both sides of a split."""

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

UNCOUNTED = ("pairs", "unlabelled", "series", "phantom", "fluid")


def fold_of_groups(groups: Mapping[str, int], n: int) -> dict[str, int]:
    """Fold 0..n-1 of every group. groups: name, which begins with "source-", -> number of slices.

    Deterministic. Each source is spread evenly: largest groups first, each into the fold with the fewest slices of
    its source so far; ties by a hash of the names.
    """
    load: Counter[tuple[str, int]] = Counter()
    fold_of: dict[str, int] = {}
    for group in sorted(groups, key=lambda g: (-groups[g], zlib.crc32(g.encode()), g)):
        source = group.split("-", 1)[0]
        first = zlib.crc32(source.encode()) % n
        fold = min(range(n), key=lambda k: (load[source, k], (k - first) % n))
        fold_of[group] = fold
        load[source, fold] += groups[group]
    return fold_of


def slices_per_group(slices: Iterable[tuple[str, str, str]]) -> Counter[str]:
    """Number of slices in each group. slices: (source, group, name), repeated where a slice has two crops.

    `pairs` is not counted: it shows slices of covid20 again, in the same groups. Nor are slices that are never tested on.
    """
    return Counter(group for source, group, _ in set(slices) if source not in UNCOUNTED)


def held_out(slices: Sequence[tuple[str, str, str]], fold: tuple[int, int]) -> list[bool]:
    """Whether each slice, (source, group, name), is of fold k of n. What only UNCOUNTED sources have is never held out.

    slices: of all labelled sources, since the folds are made of all of them.
    """
    k, n = fold
    of_group = fold_of_groups(slices_per_group(slices), n)
    return [of_group.get(group) == k for _, group, _ in slices]
