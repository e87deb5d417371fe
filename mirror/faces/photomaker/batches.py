"""In which batches a painter computes a number of pictures: a few sizes, each of which a GPU compiles once.

Compiling a size takes up to minutes, so that pictures are split into batches of these sizes, and a batch that is not
full gets rows whose pictures are dropped.
"""

from collections.abc import Sequence
from functools import lru_cache

# What a batch costs beside its pictures, in pictures: encoders, launches, the last picture's way to the filters.
# An SDXL step of one picture occupies a large GPU, so that a batch of 8 takes nearly 8 times as long.
FIXED_COST = 0.5


def sizes_up_to(largest: int) -> tuple[int, ...]:
    """The powers of two below `largest`, and `largest`: 6 → 1, 2, 4, 6."""
    return (*(2**power for power in range(largest.bit_length()) if 2**power < largest), largest)


@lru_cache(maxsize=4096)
def batches(count: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of the batches in which `count` pictures are painted soonest, the largest first.

    They hold `count` pictures or more; what is too much is dropped. Five pictures are 4 + 1, seven are 8.

    Args:
        count: 0 or more.
        sizes: ascending, 1 or more each.
    """
    full, rest = divmod(count, sizes[-1])
    best: list[tuple[int, ...]] = [()]
    for number in range(1, rest + 1):
        options = [tuple(sorted((*best[max(number - size, 0)], size), reverse=True)) for size in sizes]
        best.append(min(options, key=lambda option: (cost(option), len(option))))
    return (sizes[-1],) * full + best[rest]


def sizes_for(pictures: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of all batches that `batches` makes of up to so many pictures, ascending."""
    counts = range(1, min(pictures, 2 * sizes[-1]) + 1)
    return tuple(sorted({size for count in counts for size in batches(count, sizes)}))


def cost(made: Sequence[int]) -> float:
    """The time of batches of these sizes, in the time of one picture."""
    return sum(made) + FIXED_COST * len(made)


def attempts_in_a_batch(faces: int, accepted: float, sizes: tuple[int, ...]) -> int:
    """How many attempts at `faces` faces are painted at a time, so that most faces are found per second.

    With a attempts a face, each accepted with probability p, a face is found with probability 1 - (1 - p)^a.

    Args:
        faces: that are searched, 1 or more.
        accepted: the share of attempts that are accepted, above 0 and at most 1.
        sizes: of batches, ascending.

    Returns:
        `faces` or more, where the largest size leaves room for more.
    """
    counts = range(faces, max(sizes[-1], faces) + 1)
    found = {count: 1 - (1 - accepted) ** (count / faces) for count in counts}
    return max(counts, key=lambda count: (found[count] / cost(batches(count, sizes)), -count))
