"""Which examples of an effective batch each rank computes."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from mirror.training.batch import prefix_costs


class SharedPlan(Sequence[list[int]]):
    """One rank's part of every batch of a plan, computed when it is read."""

    def __init__(
        self, plan: Sequence[Sequence[int]], lengths: Sequence[int], rank: int, ranks: int, size: int, cost: int | None
    ) -> None:
        """Take the plan.

        Args:
            plan: batches of indices.
            lengths: positions of the example at each index.
            rank: of the part, from 0.
            ranks: number of all ranks.
            size: as in `mirror.training.batch.cuts`.
            cost: as in `share_out`.
        """
        self.plan, self.lengths, self.rank, self.ranks = plan, lengths, rank, ranks
        self.size, self.cost = size, cost

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> list[int]:  # type: ignore[override]
        order = sorted(self.plan[number], key=lambda i: -self.lengths[i])
        return order[share_out([self.lengths[i] for i in order], self.ranks, self.size, self.cost)[self.rank]]


def share_out(lengths: Sequence[int], ranks: int, size: int, cost: int | None) -> list[slice]:
    """Cut examples into one consecutive part per rank, so that the most costly part costs the least.

    Consecutive parts hold examples of similar length and need the least padding. The cost is that of the cheapest
    split of a part into micro-batches, padding included; of packed examples, it is their positions.

    Args:
        lengths: positions of each example, the longest first.
        ranks: number of parts; with fewer examples than ranks, the last parts are empty.
        size: as in `mirror.training.batch.cuts`.
        cost: of a micro-batch, in positions; None if examples are packed.

    Returns:
        One slice per rank, in order.
    """
    if not lengths:
        return [slice(0, 0)] * ranks
    low, high = lengths[0], len(lengths) * (lengths[0] + (cost or 0))
    while low < high:
        middle = (low + high) // 2
        if _parts(lengths, ranks, size, cost, middle)[-1].stop == len(lengths):
            high = middle
        else:
            low = middle + 1
    return _parts(lengths, ranks, size, cost, high)


def _parts(lengths: Sequence[int], ranks: int, size: int, cost: int | None, limit: int) -> list[slice]:
    """Parts of which none costs more than `limit`, each as long as that allows; the last may end too early."""
    parts, start = [], 0
    for _ in range(ranks):
        end = start
        if start < len(lengths):
            for examples, cheapest in enumerate(_costs(lengths[start:], size, cost)):
                if cheapest > limit:
                    break
                end = start + examples
        parts.append(slice(start, end))
        start = end
    return parts


def _costs(lengths: Sequence[int], size: int, cost: int | None) -> Iterable[int]:
    """Of 0, 1, 2, … of the first examples."""
    if cost is None:
        return accumulate(lengths, initial=0)
    return (cheapest for cheapest, _ in prefix_costs(lengths, size, cost))
