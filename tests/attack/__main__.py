"""Random faults over every stage of the work, at the smallest size; what is left must be whole or named.

    python -m tests.attack --faults 300 --seed 1
    python -m tests.attack --seed 1 --only 17 --keep /tmp/attack      one of them again, its folder kept

A fault is drawn from the seed and its number. Afterwards the same command is started again. It must end with the files
of an unbroken run, byte for byte but for the times, or name the damaged file; and nothing may be paid twice. Everything
stays below a temporary folder and on loopback.
"""

import argparse
import queue
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.attack.case import Fault, Place, Reference, draw, unbroken
from tests.attack.stages import STAGES
from tests.attack.trial import try_fault


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the number of one fault")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--jobs", type=int, default=2, help="faults at a time")
    parser.add_argument("--keep", type=Path, help="a folder for what the faults left; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="attack-") as temporary:
        folder = given.keep or Path(temporary)
        places: queue.Queue[Place] = queue.Queue()
        for number in range(given.jobs):
            places.put(Place(folder.resolve() / f"place-{number}"))
        numbers = [given.only] if given.only is not None else range(1, given.faults + 1)
        sys.exit(0 if attack(numbers, given.seed, given.stages, places, given.jobs) else 1)


def attack(numbers, seed: int, stages: list[str], places: "queue.Queue[Place]", jobs: int) -> bool:
    """Whether all faults left what they should; a line is printed for each."""
    reference: dict[str, Reference] = {}
    first = places.get()
    for name in sorted({draw(number, seed, stages).stage for number in numbers}):
        reference[name] = unbroken(name, first)
        print(f"unbroken {name}: {reference[name]}", flush=True)
    places.put(first)

    def one(number: int) -> tuple[Fault, str]:
        place = places.get()
        try:
            fault = draw(number, seed, stages)
            return fault, try_fault(fault, reference[fault.stage], place)
        finally:
            places.put(place)

    held = 0
    with ThreadPoolExecutor(jobs) as threads:
        for fault, result in threads.map(one, numbers):
            held += not result.startswith("FELL")
            print(f"{fault}: {result}", flush=True)
    print(f"{held} of {len(numbers)}")
    return held == len(numbers)


if __name__ == "__main__":
    main()
