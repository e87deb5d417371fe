"""A fuzzer of every reader of outside files and texts. Not part of the tests; needs the extra `test`.

    python -m tests.fuzz --minutes 60 --seed 1
    python -m tests.fuzz --seconds 300 --only plan,turns

The readers are named in `readers.py`, `building.py` and `models.py`.

Inputs are drawn around valid ones: bytes are flipped, cut, doubled and mixed, JSON values are replaced by others, texts
are made of the parts that a reader looks for. Each reader must return, or raise the error that it declares, with a
message, in CPU time and memory that fit the size of the input. Anything else is printed with its input, once per place,
and the exit is 1. A seed draws the same inputs.
"""

import argparse
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from tests.fuzz import building, models, readers
from tests.fuzz.inputs import mutated
from tests.fuzz.reader import Reader

TURN = 0.05  # seconds of inputs that each reader gets before the next
SLOW, SLOWER = 2, 20  # CPU seconds that an input may take, and how many more for each megabyte of it
ROOM = 3 * 2**30  # bytes of addresses beside those in use before the first input


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seconds", type=float, help="instead of minutes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="names of readers, or beginnings of names, with commas between")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        every = {
            name: reader for those in (readers, building, models) for name, reader in those.make(Path(folder)).items()
        }
        wanted = tuple(options.only.split(","))
        some = {name: reader for name, reader in every.items() if name.startswith(wanted)}
        return fuzz(some, options.seconds or options.minutes * 60, options.seed)


def fuzz(readers: dict[str, Reader], seconds: float, seed: int) -> int:
    started, rounds, findings = time.monotonic(), dict.fromkeys(readers, 0), set()
    signal.signal(signal.SIGPROF, _too_slow)
    _limit_memory()
    warnings.simplefilter("ignore")  # Pillow's, of damaged pictures
    while time.monotonic() - started < seconds:
        for name, reader in readers.items():
            end = time.monotonic() + TURN
            while rounds[name] == 0 or time.monotonic() < end:
                draw = random.Random(f"{seed} {name} {rounds[name]}")
                content = mutated(draw.choice(reader.seeds), draw)
                rounds[name] += 1
                if (finding := fault_of(reader, content)) and (name, finding[0]) not in findings:
                    findings.add((name, finding[0]))
                    print(f"{name}, input {rounds[name]}: {finding[1]}\n  at {finding[0]}\n  {content!r:.2000}\n")
    print(f"{sum(rounds.values()):,} inputs, {len(findings)} findings")
    for name, count in rounds.items():
        print(f"  {name}: {count:,}")
    return bool(findings)


def fault_of(reader: Reader, content: Any) -> tuple[str, str] | None:
    """Where and how a reader fails otherwise than it declares; None where it does not."""
    signal.setitimer(signal.ITIMER_PROF, SLOW + SLOWER * len(content) / 1e6)
    try:
        reader.read(content)
    except reader.declared as error:
        # ValueError is what many declare; those of Python's own that speak of code and not of the input are findings.
        if not str(error).strip() or isinstance(error, UnicodeError):
            return _place(error), f"{type(error).__name__} says nothing of the input: {error}"
    except Exception as error:
        return _place(error), f"{type(error).__name__}: {error!s:.300}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return None


def _too_slow(*_: Any) -> None:
    raise TimeoutError(f"more than {SLOW} seconds and {SLOWER} a megabyte")


def _limit_memory() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/mirror/" in frame.filename] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno} {type(error).__name__}"


if __name__ == "__main__":
    sys.exit(main())
