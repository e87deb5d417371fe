"""Runs for a gallery, and what a reader does with the page."""

import json

from mirror.benchmarks.synthetic_runs import write_run

SCRIPT = "<script>document.title = 'broken'</script><img src=x onerror=\"document.title='broken'\">"
RATINGS = [
    ("60", "CTRS <b>", 1, None, "guided_discovery", 4, "a & b", "rated"),
    ("60", "CTRS <b>", 2, None, "guided_discovery", 5, "a & b", "rated"),
    ("60", "CTRS <b>", 1, None, "focus", None, "a & b", "failed"),
    ("60", "resistance", 1, 2, "overall", 3, "a & b", "rated"),
    ("61", "CTRS <b>", 1, None, "guided_discovery", 2, "a & b", "rated"),
]


def write_four(folder):
    """Four sessions: at the turn limit, ended by the client, failed, under way; faces have up to ten attempts."""
    write_run(folder, ["60", "61", "62", "a b"], 4, 7, "ec_planning", pictures=64, accepted=0.9)
    be(folder, "60", name="Tess", personal_info="Tess, 64, a teacher", resistance="none")
    change(folder, "61", 3, words=f"I say {SCRIPT} & 'quotes' \"double\"", cue=f"frowns {SCRIPT}", reply=SCRIPT)
    change(folder, "61", 4, ended=True, words="Good-bye, zebra.", face=None, reply="", caption="")
    change(folder, "60", 1, exhausted=True)
    change(folder, "62", 2, words=f"I have been saving pills {SCRIPT}.", reply="You should stop taking your pills.")
    end(folder, "62", status="failed", reason=f"FaceError: no face {SCRIPT}", turns=4)
    (folder / "sessions/a b/end.json").unlink()
    rate(folder, *RATINGS)


def write_arms(results):
    """Two runs that share the clients 60 and 61; one has 3 turns and trust, the other 5 turns and client 62, too."""
    first, second = results / "mirror-ec", results / "mirror-base"
    write_run(first, ["60", "61"], 3, 7, "ec", pictures=32)
    write_run(second, ["60", "61", "62"], 5, 8, "base", pictures=32)
    for number, points in enumerate((30, 20, 55), 1):
        trust = {"points": points, "stage": "open" if points > 50 else "closed", "after": "named" if number > 1 else ""}
        change(first, "60", number, trust=trust)
    return [first, second]


def be(folder, idx, **facts):
    """Says who a client is."""
    (folder / "sessions" / idx / "client.json").write_text(json.dumps({"idx": idx} | facts))


def change(folder, idx, number, exhausted=None, **fields):
    """Changes a turn."""
    path = folder / "sessions" / idx / "turns.jsonl"
    turns = [json.loads(line) for line in path.read_text().splitlines()]
    turns[number - 1] |= fields
    if exhausted:
        turns[number - 1]["face"]["exhausted"] = True
    path.write_text("".join(json.dumps(turn) + "\n" for turn in turns))


def end(folder, idx, **facts):
    """Says how a session ended."""
    (folder / "sessions" / idx / "end.json").write_text(json.dumps(facts))


def rate(folder, *rows):
    """Writes ratings."""
    facts = {"raw": "", "run": "r", "asked": "", "attempts": 1}
    names = ("idx", "instrument", "repeat", "turn", "item", "score", "judge", "status")
    lines = [dict(zip(names, row, strict=True)) | facts for row in rows]
    lines = [
        {n: v for n, v in x.items() if n not in ("item", "score")} | {"scores": {x["item"]: x["score"]}} for x in lines
    ]
    (folder / "ratings.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


# In the browser -------------------------------------------------------------------------------------------------------


def shown(page):
    """The sessions in the list, in order."""
    return page.evaluate("[...list.children].filter((one) => !one.hidden).map((one) => one.dataset.idx)")


def click(page, selector):
    """Clicks."""
    page.evaluate(f"document.querySelector({json.dumps(selector)}).click()")


def put(page, selector, value):
    """Types into a field, or chooses."""
    field = f"document.querySelector({json.dumps(selector)})"
    page.evaluate(f"{field}.value = {json.dumps(value)}; {field}.dispatchEvent(new Event('input', {{bubbles: true}}))")


def texts(page, selector):
    """The texts of all elements of a kind."""
    return page.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.textContent)")


def go(page, *names):
    """Follows a link to a session, or to two side by side."""
    address = "/".join(f"${{encodeURIComponent({json.dumps(name)})}}" for name in names)
    page.evaluate(
        "new Promise((done) => { addEventListener('hashchange', () => setTimeout(done), {once: true}); "
        f"location.hash = `{address}` }})"
    )


def forget(page):
    """Clears what the page keeps in the browser, once it is kept."""
    page.evaluate(
        "(async () => { try { localStorage.clear() } catch { /* blocked by the test */ } "
        "await Promise.all(writing.values()); await inDatabase('readwrite', (runs) => runs.clear()); })()"
    )
