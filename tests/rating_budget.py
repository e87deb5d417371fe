"""Rating runs that a budget stops at random moments, on a loopback server that counts tokens for itself.

    python -m tests.rating_budget --moments 10

No answer is lost or asked twice, none begins after the budget is used up, the budget is exceeded by no more than what
was under way, and the run that goes on ends with the answers of one that never stopped. The estimates before the first
answer and in the middle are compared with the bill.
"""

import argparse
import json
import os
import tempfile
from hashlib import sha256
from pathlib import Path
from random import Random

import yaml

from mirror.files.json_lines import read_lines
from mirror.rating.ratings import FILE, RatingRecord
from mirror.rating.run import Judging
from mirror.rating.settings import RateSettings
from tests import ROOT
from tests.openai_server import Body, OpenAIServer, Text, completion
from tests.rated_runs import rate, write_run

PRICES = "m 2/8"
REASON = "the counselor heard what the client said about the week and asked what would help with it now".split()


def counted(request):
    """Right answers with a reason of 12 to 40 words; a word of every message has four thirds of a token."""
    digest = sha256(json.dumps(request.body["messages"]).encode()).digest()
    scores = json.loads(rate(request, digest[1] % 5 + 1).text)
    scores["reason"] = " ".join(REASON[(place + digest[2]) % len(REASON)] for place in range(12 + digest[0] % 29))
    text = json.dumps(scores)
    body = completion(request, Text(text))
    read = sum(len(message["content"].split()) for message in request.body["messages"])
    body["usage"] = {"prompt_tokens": read * 4 // 3, "completion_tokens": len(text.split()) * 4 // 3 + 6}
    return Body(json.dumps(body).encode())


def judging(server, folder, **changes):
    values = yaml.safe_load((ROOT / "params/rate/helpfulness-faces.yaml").read_text(encoding="utf-8"))
    own = {"runs": f"results/{folder.name}", "faces": False, "run": "rate", "retries": 0, "concurrency": 3}
    own |= {"judge_url": server.url, "judge_model": "m", "prices": PRICES, "instruments": "helpfulness", "repeats": 2}
    settings = RateSettings.checked(values | own | changes, "parameter")
    found = Judging(settings, settings.folders)
    found.open()
    return found


def records(folder):
    return read_lines(folder / FILE, RatingRecord)


def amounts(lines):
    """Dollars and tokens of some answers, at `PRICES`."""
    read, written = (sum(getattr(line, name) for line in lines) for name in ("prompt_tokens", "completion_tokens"))
    return {"budget_dollars": (2 * read + 8 * written) / 1e6, "budget_tokens": read + written}


def answers_of(folder):
    return {line.asked: line.scores for line in records(folder)}


def in_all(run, name):
    """What an estimate expects, by its row."""
    return float(run.estimate().set_index("what").loc[name, "in all"].replace(",", ""))


def stop_at_random_moments(output, moments, seed=7, sessions=6):
    """Yields one record per moment: the limit, what was spent, the answers, and the most that was under way.

    Raises:
        AssertionError: something of the module's docstring is not so.
    """
    folder = write_run(output, "rated", [str(idx) for idx in range(60, 60 + sessions)], turns=4)
    random = Random(seed)
    with OpenAIServer(default=counted) as server:
        whole = judging(server, folder)
        before = {name: in_all(whole, name) for name in ("tokens read", "tokens written", "dollars")}
        whole.rate()
        lines = records(folder)
        unbroken, total, largest = answers_of(folder), amounts(lines), {}
        for name in total:
            costs = sorted((amounts([line])[name] for line in lines), reverse=True)
            largest[name] = costs
        bill = {"dollars": total["budget_dollars"], "tokens read": sum(line.prompt_tokens for line in lines)}
        bill["tokens written"] = sum(line.completion_tokens for line in lines)
        yield {"estimate": {name: before[name] / bill[name] for name in before}}
        for moment in range(moments):
            (folder / FILE).unlink()
            name = ("budget_dollars", "budget_tokens")[moment % 2]
            limit = (int if name == "budget_tokens" else float)(total[name] * random.uniform(0.05, 0.7))
            concurrency = random.choice((1, 2, 3, 5))
            server.requests.clear()
            run = judging(server, folder, fresh=True, concurrency=concurrency, **{name: limit})
            run.rate()
            written = records(folder)
            spent = amounts(written)[name]
            under_way = sum(largest[name][:concurrency])
            assert len(server.requests) == len(written) < len(lines), "an answer was lost, or nothing stopped"
            assert limit <= spent <= limit + under_way, "more was spent than what was under way"
            assert run.stopped.startswith(f"The budget is used up, {name}: "), run.stopped
            sums = [amounts(written[: place + 1])[name] for place in range(len(written))]
            after = sum(amount >= limit for amount in sums) - 1
            assert after < concurrency, "questions were asked after the budget was used up"
            assert run.run.provenance["status"] == "incomplete" and run.run.provenance["stopped"] == run.stopped
            again = judging(server, folder, concurrency=concurrency, **{name: limit})
            again.rate()
            assert len(records(folder)) == len(written), "the same budget was spent again"
            middle = in_all(again, "dollars") / bill["dollars"]
            done = judging(server, folder, concurrency=concurrency)
            done.rate()
            assert answers_of(folder) == unbroken and len(records(folder)) == len(lines), "other answers than unbroken"
            assert done.run.provenance["status"] == "complete" and not done.stopped
            yield {"limit": name, "share": limit / total[name], "over": spent / limit - 1, "answers": len(written),
                   "concurrency": concurrency, "estimate": middle}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.rating_budget", description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        os.environ["MIRROR_OUTPUT"] = made
        first, *others = stop_at_random_moments(Path(made), given.moments)
    shares = ", ".join(f"{name} {share:.3f}" for name, share in first["estimate"].items())
    print(f"estimate before the first answer, as a share of the bill: {shares}")
    for one in others:
        print(
            f"{one['limit']} at {one['share']:.0%} of the bill, {one['concurrency']} at a time: stopped after "
            f"{one['answers']} answers, {one['over']:.1%} over; estimate {one['estimate']:.3f} of the bill"
        )


if __name__ == "__main__":
    main()
