"""Who rates which sessions, under which code and in which order.

Clients are assigned, not sessions: whoever rates a client rates the client's sessions in all runs. Runs are compared on
the same client, so a lenient rater is lenient with both.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from mirror.natural_order import natural_key
from mirror.rating.forms.key import RATER
from mirror.seeds import seed_for

ALPHABET = "BCDFGHJKLMNPQRTVWXZ346789"  # makes no words, and nothing that looks alike
LENGTH = 4
_ID = re.compile(RATER)
Session = tuple[str, str]  # the run and the client


class AssignmentError(ValueError):
    """Sessions that cannot be assigned as asked. The message says why, and what to do."""


@dataclass(frozen=True)
class Assignment:
    """Codes and orders.

    Attributes:
        codes: the code of each session.
        orders: the codes of each rater's sessions, in the order in which the rater sees them.
    """

    codes: Mapping[Session, str]
    orders: Mapping[str, tuple[str, ...]]


def assign(sessions: Collection[Session], raters: Sequence[str], overlap: int | None, seed: int) -> Assignment:
    """Assigns sessions to raters, reproducibly.

    Args:
        sessions: all sessions.
        raters: their ids.
        overlap: the number of clients that all raters rate; the others are divided evenly. None: all clients.
        seed: of codes, division and orders.

    Raises:
        AssignmentError: a rater is named twice or gets nothing, or the overlap exceeds the clients.
    """
    clients = sorted({idx for _, idx in sessions}, key=natural_key)
    faults = [
        f"rater {name!r:.40}: an id has up to 31 of a-z, 0-9, - and _" for name in raters if not _ID.fullmatch(name)
    ]
    faults += [f"rater {rater} is named twice" for rater in sorted(set(raters)) if raters.count(rater) > 1]
    if overlap is not None and overlap > len(clients):
        faults.append(f"overlap is {overlap}, and there are {len(clients)} clients; use at most {len(clients)}")
    Random(seed_for(seed, "division")).shuffle(clients)
    shared = clients if overlap is None else clients[:overlap]
    own = {rater: clients[len(shared) :][place :: len(raters)] for place, rater in enumerate(raters)}
    if empty := [rater for rater in raters if not (shared or own[rater])]:
        faults.append(f"{', '.join(empty)} would rate nothing; raise overlap, or name fewer raters")
    if faults:
        raise AssignmentError("\n".join(faults))
    codes = _codes(sorted(sessions), seed)
    orders = {}
    for rater in raters:
        order = [code for (_, idx), code in codes.items() if idx in {*shared, *own[rater]}]
        Random(seed_for(seed, "order", rater)).shuffle(order)
        orders[rater] = tuple(order)
    return Assignment(codes, orders)


def _codes(sessions: Sequence[Session], seed: int) -> dict[Session, str]:
    """Draws a code for each session; neither codes nor their order tell anything of a session."""
    chance, codes = Random(seed_for(seed, "codes")), dict[str, None]()
    while len(codes) < len(sessions):
        codes["".join(chance.choices(ALPHABET, k=LENGTH))] = None
    drawn = list(codes)
    chance.shuffle(drawn)
    return dict(zip(sessions, drawn, strict=True))
