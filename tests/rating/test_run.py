"""Rating runs with a judge on a loopback port that is slow, fails and answers nonsense; runs that are killed."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter

import pytest
import yaml

from mirror.files.json_lines import read_lines
from mirror.files.lock import FolderInUse
from mirror.rating.preferences import read_preferences
from mirror.rating.ratings import FILE, RatingRecord, read_ratings
from mirror.rating.run import Judging, RatingsFailed
from mirror.rating.settings import RateSettings
from mirror.run_folder import read_provenance
from mirror.settings.errors import SettingsError
from mirror.transcripts.session_folder import SessionFolder
from tests import ROOT
from tests.openai_server import Body, OpenAIServer, Slow, Status, Text, together
from tests.rated_runs import SECRET, rate, write_run

WORK = """
import sys, yaml
from mirror.rating.run import Judging
from mirror.rating.settings import RateSettings
settings = RateSettings.checked(yaml.safe_load(sys.argv[1]), "parameter")
Judging(settings, settings.folders).rate()
"""


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with OpenAIServer(default=rate) as server:
        yield server


def parameters(server=None, **changes):
    values = yaml.safe_load((ROOT / "params/rate/helpfulness-faces.yaml").read_text(encoding="utf-8"))
    own = {"runs": f"results/{SECRET}", "faces": False, "run": "rate", "retries": 0, "timeout": 20.0, "concurrency": 4}
    url = {"judge_url": server.url} if server else {}
    return values | own | url | {"judge_model": "some-model"} | changes


def judging(server=None, **changes):
    settings = RateSettings.checked(parameters(server, **changes), "parameter")
    opened = Judging(settings, settings.folders)
    opened.open()
    return opened


def lines(folder):
    return read_lines(folder / FILE, RatingRecord)


# A run ----------------------------------------------------------------------------------------------------------------


def test_every_question_has_an_answer_on_disk(server, output):
    folder = write_run(output, clients=("60", "61", "62"))
    found = judging(server, instruments="helpfulness,resistance").rate()
    assert found[["instrument", "asked", "rated"]].to_numpy().tolist() == [
        ["helpfulness", 3 * 3, 9],
        ["resistance", 3 * 2 * 3, 18],
    ]
    table = read_ratings(folder)
    assert len(table) == 9 * 2 + 18 * 4 and (table["score"] == 2).all()
    assert table.groupby(["idx", "instrument"])["repeat"].unique().map(sorted).tolist() == [[1, 2, 3]] * 6
    provenance = read_provenance(output / "results/rate")
    assert (provenance["status"], provenance["rated"], provenance["failed"]) == ("complete", 27, 0)
    assert provenance["prompt_tokens"] == sum(line.prompt_tokens for line in lines(folder)) > 0


def test_what_it_cost_is_kept(server, output):
    write_run(output)
    judging(server, prices="some-model 1/10").rate()
    provenance = read_provenance(output / "results/rate")
    assert provenance["dollars"] == (provenance["prompt_tokens"] + 10 * provenance["completion_tokens"]) / 1e6 > 0


def test_the_judge_is_blind_to_the_arm(server, output):
    write_run(output), write_run(output, "llava-7b")
    judging(server, runs=f"results/{SECRET},results/llava-7b", pairs=True).rate()
    sent = " ".join(json.dumps(request.body) for request in server.requests).lower()
    assert len(server.requests) == 2 * 2 * 3 + 2 * 2 * 3
    assert not [word for word in (SECRET, "llava", "mirror", "planning", "checkpoint", "secret") if word in sent]


def test_the_order_is_drawn_by_the_seed(output):
    write_run(output, clients=[str(number) for number in range(20)]), write_run(output, "b", clients=("1", "2"))

    def order(seed):
        rated = judging(
            judge="rules", judge_model="", repeats=1, runs=f"results/{SECRET},results/b", seed=seed, fresh=True
        )
        return [(question.shown, question.idx) for question in rated.questions]

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == sorted(order(2)) != order(1)


def test_repeats_have_seeds_of_their_own_and_the_same_for_every_arm(server, output):
    write_run(output, clients=("60",)), write_run(output, "b", clients=("60",))
    judging(server, runs=f"results/{SECRET},results/b").rate()
    assert sorted(Counter(request.body["seed"] for request in server.requests).values()) == [2, 2, 2]


def test_questions_go_out_together(server, output):
    write_run(output, clients=("1", "2", "3", "4"))
    server.default = together(4, rate)
    assert judging(server, repeats=1).rate()["rated"].tolist() == [4]


def test_only_complete_sessions_are_rated_and_the_rest_is_counted(server, output):
    write_run(output, clients=("60", "61"), status="failed")
    rated = judging(server)
    assert rated.sessions()[["rated", "left_out"]].to_numpy().tolist() == [[1, 1]]
    rated.rate()
    assert {request.words.count("Client 61") for request in server.requests} == {0}


def test_two_runs_are_compared_in_both_orders(server, output):
    write_run(output, "a"), write_run(output, "b", clients=("61", "62"))
    rated = judging(server, runs="results/a,results/b", pairs=True)
    assert rated.rate().set_index("run")["rated"].to_dict() == {"a": 6, "a against b": 6, "b": 6}
    table = read_preferences(output / "results/rate")
    assert set(table["idx"]) == {"61"} and set(zip(table["first"], table["second"], strict=True)) == {
        ("a", "b"),
        ("b", "a"),
    }
    row = rated.preferences().iloc[0]
    assert (row["share"], row["consistent"], row["first_preferred"]) == (0.5, 0, 1)


def test_scores_come_with_their_reliability(server, output):
    write_run(output, clients=[str(number) for number in range(12)])
    server.default = lambda request: rate(request, 1 + (request.body["seed"] % 5))
    rated = judging(server)
    rated.rate()
    row = rated.scores().iloc[0]
    assert (row["run"], row["subscale"], row["judge"], row["n"], row["repeats"]) == (
        SECRET,
        "helpfulness",
        "some-model",
        12,
        3,
    )
    assert row["low"] < row["mean"] < row["high"] and -0.6 < row["alpha"] < 0.6


# Slow, failing and malformed answers ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_ratings_complete_or_are_reported_missing(server, output):
    """The faults go by the question, so that each has its own for good: 12 clients, one question each."""
    clients = [str(number) for number in range(10, 22)]
    folder = write_run(output, clients=clients)
    wait = threading.Event()

    def answer(request):
        client = next(idx for idx in clients if f"Client {idx} says" in request.words)
        if client in ("10", "11"):
            wait.wait(0.3)
            return rate(request)
        broken = {"12": Status(429), "13": Status(500), "14": Text("I would say 4."), "15": Slow()}
        return broken.get(client) or rate(request)

    server.default = answer
    rated = judging(server, repeats=1, timeout=1.0)
    with pytest.raises(RatingsFailed, match="3 of 12 questions had no answer") as error:
        rated.rate()
    assert "answered 429" in str(error.value) and "start the same run again to ask only what is left" in str(
        error.value
    )
    found = rated.answers().iloc[0]
    assert (found["asked"], found["rated"], found["unparsable"], found["failed"], found["open"]) == (12, 8, 1, 3, 0)
    table = read_ratings(folder).set_index("idx")
    assert table.loc[["12", "13", "14", "15"], "score"].isna().all() and table.loc["10", "score"].eq(2).all()
    assert read_provenance(output / "results/rate")["status"] == "incomplete"
    row = rated.scores().iloc[0]
    assert (row["n"], row["missing"], row["missing_answers"], row["mean"]) == (8, 4, 4, 2)


@pytest.mark.slow
def test_faults_that_pass_are_ridden_out(server, output):
    write_run(output)
    server.answers(Status(429, retry_after=0), Status(500, retry_after=0), Status(503, retry_after=0))
    assert judging(server, retries=3, concurrency=1).rate()["rated"].tolist() == [6]


def test_a_second_start_asks_only_what_failed(server, output):
    folder = write_run(output)
    server.answers(Status(500), Text("hm"), Text("hm"), rate, Status(500))
    with pytest.raises(RatingsFailed, match="2 of 6"):
        judging(server, concurrency=1).rate()
    before = len(server.requests)
    again = judging(server)
    assert again.rate()[["rated", "unparsable", "failed"]].to_numpy().tolist() == [[5, 1, 0]]
    assert len(server.requests) - before == 2, "the unparsable answer was paid for and stays"
    assert len(lines(folder)) == 8 and len(read_ratings(folder)) == 12
    assert read_provenance(output / "results/rate")["status"] == "complete"


def test_a_complete_run_asks_nothing(server, output):
    write_run(output)
    judging(server).rate()
    before = len(server.requests)
    judging(server).rate()
    judging(server, run="rate-again").rate()
    assert len(server.requests) == before


def test_arms_with_the_same_words_are_both_rated(server, output):
    write_run(output, "a"), write_run(output, "b")
    judging(server, runs="results/a").rate()
    assert judging(server, runs="results/a,results/b").rate()["rated"].tolist() == [6, 6]
    assert len(server.requests) == 12 and len(lines(output / "results/b")) == 6


def test_another_transcript_is_rated_anew(server, output):
    folder = write_run(output, clients=("60",))
    judging(server, repeats=1).rate()
    path = folder / "sessions/60/turns.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("you are sad", "you are glad"), encoding="utf-8")
    server.default = lambda request: rate(request, 5)
    judging(server, repeats=1).rate()
    assert len(server.requests) == 2 and set(read_ratings(folder)["score"]) == {5}


def too_long(*clients):
    """A judge that reads the sessions of these clients only up to a length."""

    def answer(request):
        if any(f"Client {idx} says" in request.words for idx in clients):
            return Status(400, "This model's maximum context length is 4096 tokens.", "context_length_exceeded")
        return rate(request)

    return answer


@pytest.mark.slow
def test_a_session_that_is_too_long_for_the_judge_stops_no_other(server, output):
    """Four questions of one session come first: as many as would tell of an endpoint that refuses everything."""
    folder = write_run(output, clients=[str(number) for number in range(10, 16)])
    server.default = too_long("10", "13")
    for _ in range(2):
        with pytest.raises(RatingsFailed, match="6 of 18 questions had no answer:") as error:
            judging(server, concurrency=1).rate()
        assert f"6 times: too long, which concerns these sessions alone: {SECRET}/10, {SECRET}/13\n" in str(error.value)
        assert sum(line.status == "rated" for line in lines(folder)) == 12
    assert len(server.requests) == 18 + 6, "only the refused ones are asked again, and nothing is paid for them"


@pytest.mark.slow
def test_what_failed_before_is_asked_last(server, output):
    """Words that nobody knows may be a question's own fault: they must not stop every start at the same place."""
    write_run(output, clients=[str(number) for number in range(10, 16)])
    server.default = lambda request: Status(400, "no") if "Client 1" in request.words else rate(request)
    with pytest.raises(RatingsFailed, match="[0-9]+ were not asked any more"):
        judging(server, concurrency=1).rate()
    refused = {(request.words, request.body["seed"]) for request in server.requests}
    server.default = rate
    judging(server, concurrency=1).rate()
    order = [(request.words, request.body["seed"]) in refused for request in server.requests[len(refused) :]]
    assert len(order) == 18 and order == sorted(order)


@pytest.mark.slow
@pytest.mark.proof
def test_what_is_under_way_when_the_rest_is_given_up_is_kept(server, output):
    """Three are refused at once while a fourth is being answered: it was paid for."""
    folder = write_run(output, clients=[str(number) for number in range(8)])
    number, turn, refused = iter(range(99)), threading.Lock(), threading.Semaphore(0)

    def answer(request):
        with turn:
            mine = next(number)
        if mine == 0:
            for _ in range(3):
                assert refused.acquire(timeout=30)
            return rate(request)
        if mine > 3:
            return Slow()
        refused.release()
        return Status(401, "no such key")

    server.default = answer
    with pytest.raises(RatingsFailed):
        judging(server, timeout=3.0).rate()
    assert sum(line.status == "rated" for line in lines(folder)) == 1


def test_what_cannot_be_kept_is_asked_no_further(server, output, monkeypatch):
    """A disk that is full, say: only what was on its way is paid for."""
    write_run(output, clients=[str(number) for number in range(20)])
    full = OSError(28, "No space left on device")
    monkeypatch.setattr("mirror.rating.run.append_line", lambda *_: (_ for _ in ()).throw(full))
    with pytest.raises(OSError, match="No space left"):
        judging(server, concurrency=2, repeats=1).rate()
    assert 1 <= len(server.requests) <= 2


def test_an_answer_is_on_disk_even_if_the_loop_that_asked_for_it_ends(server, output, monkeypatch):
    folder = write_run(output, clients=("60", "61"))
    server.answers(*[together(4, rate)] * 4)
    rated = judging(server)

    def interrupted(self, answer):
        raise KeyboardInterrupt

    monkeypatch.setattr("mirror.rating.run.RatingProgress.count", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rated.rate()
    assert len(lines(folder)) >= 4 and len(lines(folder)) == len(server.requests)


def test_what_the_judges_server_does_not_take_is_in_the_record(server, output):
    write_run(output)
    server.default = lambda request: Status(400, "Unsupported: top_p") if "top_p" in request.body else rate(request)
    assert judging(server, concurrency=1).rate()["rated"].tolist() == [6]
    assert len(server.requests) == 7
    judging(server).rate()  # asks nothing, and forgets nothing
    left_out = read_provenance(output / "results/rate")["left_out"]
    assert left_out == {"top_p": {"value": 1.0, "reason": "Unsupported: top_p"}}


def test_several_servers_share_the_questions_and_one_that_fails_is_left_alone(server, output):
    folders = write_run(output), write_run(output, "b")
    judging(server, prices="some-model 1/10").rate()
    paid = read_provenance(output / "results/rate")
    with OpenAIServer(default=Status(503)) as broken:
        urls = f"{broken.url},{server.url}"
        shared = {"judge_url": urls, "runs": "results/b", "run": "shared", "concurrency": 1}
        judging(server, prices="some-model 1/10", **shared).rate()
        assert len(broken.requests) == 1
    again = read_provenance(output / "results/shared")
    assert again["judge"]["base_url"] == f"{broken.url}, {server.url}"
    assert again["dollars"] == paid["dollars"] > 0
    alone, shared = (sorted((line.idx, line.repeat, line.raw) for line in lines(folder)) for folder in folders)
    assert alone == shared and len(alone) == 6


def test_a_wrong_key_is_told_once_and_not_for_every_session(server, output):
    write_run(output, clients=[str(number) for number in range(30)])
    server.default = Status(401, "no such key")
    with pytest.raises(
        RatingsFailed, match="(?s)questions had no answer, and [0-9]+ were not asked any more.*no such key"
    ):
        judging(server, concurrency=2).rate()
    assert len(server.requests) < 10


# Kills ----------------------------------------------------------------------------------------------------------------


def start(output, server, stderr=subprocess.DEVNULL, **changes):
    own = {"MIRROR_OUTPUT": str(output), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WORK, yaml.safe_dump(parameters(server, **changes))]
    return subprocess.Popen(command, env=os.environ | own, stdout=subprocess.DEVNULL, stderr=stderr)


FAULTS = {
    "a page": Body(b"<html>Sign in</html>", "text/html"),
    "nothing": Body(b""),
    "half a character": Body(rb'{"error": {"message": "\ud83d"}}'),
    "a charset": Body('{"choices": []}'.encode("utf-16"), "application/json; charset=utf-16"),
    "a lying charset": Body(b"{}", "application/json; charset=utf-16"),
    "no text": Body(b"\xff\xfe\xfd"),
    "nested": Body(b"[" * 100_000),
    "long number": Body(b"9" * 100_000),
    "a status that is none": Body('{"error": {"code": "4\u00b2\u00b2"}}'.encode()),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_vendor_concerns_its_question_alone_and_is_asked_again(fault, server, output):
    folder = write_run(output)
    server.answers(fault)
    with pytest.raises(RatingsFailed, match="1 of 6 questions had no answer"):
        judging(server, attempts=1, concurrency=1).rate()
    assert Counter(line.status for line in lines(folder)) == {"rated": 5, "failed": 1}
    assert judging(server, attempts=1).rate()["rated"].tolist() == [6]
    assert len(server.requests) == 7


@pytest.mark.slow
def test_a_killed_run_goes_on_without_paying_twice(server, output):
    """SIGKILL after 7 answers, while 4 questions are under way that get none: each of the 24 is answered once."""
    folder = write_run(output, clients=[str(number) for number in range(8)])
    answered, hanging, lock = Counter(), threading.Semaphore(0), threading.Lock()

    def answer(request):
        with lock:
            if is_open.is_set() or answered.total() < 7:
                answered[request.words, request.body["seed"]] += 1
                return rate(request)
        hanging.release()
        return Slow()

    is_open, server.default = threading.Event(), answer
    process = start(output, server)
    for _ in range(4):
        assert hanging.acquire(timeout=60)
    until_recorded(folder, 7)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with open(folder / FILE, "ab") as file:
        file.write(b'{"idx":"3","turn":nu')  # as a kill in the middle of a write leaves it
    is_open.set()
    assert start(output, server).wait(60) == 0
    assert len(answered) == 24 and set(answered.values()) == {1}
    assert len(server.requests) == 24 + 4
    assert len(lines(folder)) == 24 and len(read_ratings(folder)) == 48
    assert read_provenance(output / "results/rate")["rated"] == 24


@pytest.mark.slow
@pytest.mark.proof
def test_two_at_once_pay_each_question_once(server, output):
    """The second process is refused while the first one waits for its answers, and says who has the run."""
    folder = write_run(output, clients=[str(number) for number in range(8)])
    are_asked, may_answer = threading.Semaphore(0), threading.Event()

    def answer(request):
        are_asked.release()
        may_answer.wait(60)
        return rate(request)

    server.default = answer
    first = start(output, server, timeout=600.0)
    try:
        assert are_asked.acquire(timeout=60)
        for changes in ({}, {"run": "another"}):
            second = start(output, server, stderr=subprocess.PIPE, **changes)
            told = second.communicate(timeout=60)[1].decode()
            assert second.returncode != 0
            assert f"is in use by process {first.pid} on" in told and "(rating, since" in told
    finally:
        may_answer.set()
    assert first.wait(60) == 0
    assert len(server.requests) == 24 and len(lines(folder)) == 24
    assert start(output, server).wait(60) == 0 and len(server.requests) == 24


def test_a_run_that_is_counseled_now_is_not_rated(server, output, another_process):
    folder = write_run(output)
    with another_process(folder), pytest.raises(FolderInUse, match="counseling, since"):
        judging(server)
    ready = judging(server)
    with another_process(folder), pytest.raises(FolderInUse, match="counseling, since"):
        ready.rate()
    assert server.requests == []
    assert ready.rate()["rated"].tolist() == [6]


def test_a_session_that_ended_since_is_rated_too(server, output):
    folder = write_run(output, clients=("60", "61"), status="failed")
    ready = judging(server)
    SessionFolder(folder / "sessions/61").end("complete", "counseled on")
    assert ready.rate()["rated"].tolist() == [6]


def until_recorded(folder, count):
    done = threading.Event()
    for _ in range(600):
        if (folder / FILE).is_file() and (folder / FILE).read_bytes().count(b"\n") == count:
            return
        done.wait(0.05)
    raise AssertionError(f"never {count} ratings on disk")


# Settings -------------------------------------------------------------------------------------------------------------

REFUSED = {
    "no run": ({"runs": "results/nothing"}, "runs: no such folder results/nothing; counsel first"),
    "one run twice": ({"runs": f"results/{SECRET}, results/{SECRET}"}, f"runs names {SECRET} twice"),
    "its own name": ({"run": SECRET}, "is one of the rated runs"),
    "no instrument": ({"instruments": " , "}, "instruments names none"),
    "an unknown one": ({"instruments": "ctsr"}, "instruments: no instrument ctsr; name one of affect, ctrs, "),
    "licensed words": ({"instruments": "panas"}, "panas: its wording is licensed and not shipped"),
    "no wording": ({"instruments": "panas", "wording": "nothing.yaml"}, "wording: no such file"),
    "no model": ({"judge_model": ""}, "judge_model must name a model"),
    "the name of the offline judge": ({"judge_model": "rules"}, "judge_model 'rules' is the name of the offline judge"),
    "one run in pairs": ({"pairs": True}, "pairs compares each two of at least 2 runs, and runs names 1"),
    "no key": ({"judge_url": ""}, "judge is openai, and OPENAI_API_KEY is not set"),
    "rules for all": (
        {"judge": "rules", "instruments": "ctrs"},
        "judge rules has no rules for ctrs; it knows resistance",
    ),
    "rules again": ({"judge": "rules", "repeats": 3}, "judge rules is deterministic, and repeats is 3; use 1"),
    "rules with eyes": ({"judge": "rules", "repeats": 1, "faces": True}, "judge rules sees no faces"),
    "a price": ({"prices": "other 1/2"}, "prices names other, which no role uses"),
    "a list for a judge": ({"judge": [[]], "repeats": None}, "judge must be one of openai, rules, found [[]]"),
    "nobody": ({"judge": "gpt"}, "judge must be one of openai, rules"),
}


@pytest.mark.parametrize("changes, message", REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_before_anything_is_asked(changes, message, output):
    write_run(output)
    with pytest.raises(SettingsError) as error:
        RateSettings.checked(parameters(**{"judge_url": "http://127.0.0.1:9/v1"} | changes), "parameter")
    assert message in str(error.value)


SECRETS = ("http://me:swordfish@{}", "http://{}?api-key=swordfish", "http://{}#swordfish", "http://me%3Aswordfish%40{}")


@pytest.mark.parametrize("form", SECRETS)
def test_a_secret_in_a_url_is_refused_unseen(form, output, monkeypatch):
    write_run(output)
    url = form.format("127.0.0.1:9/v1")
    for judge in ({"judge": "openai"}, {"judge": "rules", "repeats": 1}):
        with pytest.raises(SettingsError, match="judge_url holds more than an address.*export OPENAI_API_KEY") as error:
            RateSettings.checked(parameters(judge_url=url, **judge), "parameter")
        assert "swordfish" not in str(error.value) and "delete that notebook" in str(error.value)
    with pytest.raises(SettingsError, match="judge_url must be text, found a URL, which is not shown"):
        RateSettings.checked(parameters(judge_url=[url]), "parameter")
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(SettingsError, match="OPENAI_BASE_URL holds more than an address") as error:
        RateSettings.checked(parameters(judge_url=""), "parameter")
    assert "swordfish" not in str(error.value)
    assert not (output / "results/rate").exists()


@pytest.mark.parametrize("url", ["127.0.0.1:9/v1", "ftp://host/v1", "http://:9", "http://host:x/v1", "sk-swordfish"])
def test_what_is_no_url_is_refused_unseen(url, output):
    write_run(output)
    with pytest.raises(SettingsError, match="judge_url must read http://host:port/path") as error:
        RateSettings.checked(parameters(judge_url=url), "parameter")
    assert url not in str(error.value)


def test_a_key_that_no_header_can_hold_is_refused_unseen(output, monkeypatch):
    write_run(output)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very secret")
    with pytest.raises(SettingsError, match="OPENAI_API_KEY must be one word") as error:
        RateSettings.checked(parameters(judge_url="http://127.0.0.1:9/v1"), "parameter")
    assert "very" not in str(error.value) and "secret" not in str(error.value)


@pytest.mark.parametrize("judge, repeats", [("openai", 3), ("rules", 1)])
def test_repeats_are_left_open_to_the_judge(judge, repeats, output):
    write_run(output)
    changes = {"judge": judge, "repeats": None, "run": None, "judge_url": "http://127.0.0.1:9/v1"}
    settings = RateSettings.checked(parameters(**changes), "parameter")
    assert (settings.repeats, settings.run) == (repeats, f"rate-{judge}")


def test_licensed_words_stay_out_of_notebook_and_record(server, output, tmp_path):
    write_run(output, clients=("60",))
    words = {"wai-short": {f"item_{number}": f"licensed words {number}" for number in range(1, 13)}}
    (tmp_path / "words.yaml").write_text(yaml.safe_dump(words), encoding="utf-8")
    rated = judging(server, instruments="wai-short", wording=str(tmp_path / "words.yaml"), repeats=1)
    rated.rate()
    assert "licensed words 12" in server.requests[0].words
    shown = rated.example() + rated.scales().to_string() + (output / "results/rate/provenance.json").read_text()
    assert "(licensed words)" in shown and "licensed words 12" not in shown
    assert rated.scores()["subscale"].tolist() == ["goal", "task", "bond"]


def test_the_offline_judge_is_labelled_as_such(output):
    folder = write_run(output)
    rated = judging(judge="rules", judge_model="", repeats=1, instruments="helpfulness,resistance")
    rated.rate()
    assert set(read_ratings(folder)["judge"]) == set(rated.scores()["judge"]) == {"rules"}
    assert read_provenance(output / "results/rate")["judge"]["note"].startswith("fixed rules")


def test_a_run_without_complete_sessions_has_nothing_to_rate(server, output):
    write_run(output, clients=("60",), status="failed")
    rated = judging(server)
    assert rated.example() == "no complete session to rate"
    assert rated.rate().empty and rated.scores().empty and rated.preferences().empty and not server.requests
