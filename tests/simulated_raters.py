"""Two simulated raters rate 24 sessions on the real form, in headless Chromium; agreement is compared with libraries.

    python -m tests.simulated_raters --pictures /tmp/forms

Both rate by a known rule, the second with known noise and with items left out. They close the tab in the middle of a
session, reload the page, come back after a power cut (the browser is killed; a new process has the same profile), and
go on when the browser's storage is full. Everything that was entered has to come back. No file for raters may hold the
name of a run, an arm, a model or a checkpoint. With `krippendorff` and `pingouin` installed, alpha and ICC are compared
with theirs, to 1e-6.
"""

import argparse
import base64
import io
import json
import os
import re
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from mirror.rating.forms.agreement import study_agreement
from mirror.rating.forms.intake import import_files
from mirror.rating.forms.key import read_key
from tests.browser import chromium, wait_for
from tests.filled_forms import SECRETS, drawn, form_of, study, write_runs
from tests.independent_agreement import LARGEST, by_libraries

CLIENTS = [str(idx) for idx in range(60, 72)]
NOISE, LEFT_OUT = 0.4, 0.1
SCREENS = {"desktop": (1280, 860, False), "tablet": (820, 1180, True), "phone": (390, 844, True)}
# Other pages of the same origin have used up the storage: no byte more can be kept.
FILL = """(() => {
  for (let size = 1 << 20; size; size >>= 1)
    for (let n = 0; ; n++) try { localStorage.setItem(`other ${size} ${n}`, "x".repeat(size)); } catch { break; }
})()"""


# Pictures and digests, in which short words stand by chance; pictures are searched by themselves.
DRAWN = re.compile(r"base64,[A-Za-z0-9+/=]+|\b[0-9a-f]{12,64}\b")


def open_form(page, folder, rater):
    page.open((folder / f"forms/{rater}.html").as_uri())
    return page


def rate(page, code, answers):
    """Clicks answers [item, value] of one session."""
    page.evaluate(
        f"go('{code}'); for (const [id, value] of {json.dumps(answers)}) "
        "byId(`item-${id}`).querySelector(`input[value='${value}']`).click()"
    )


def given(page):
    """The answers as the page would save them, once it has read what the browser keeps: by code and item."""
    page.evaluate("restored")
    return {
        (code, item): value
        for code, item, value in page.evaluate("exported().answers.map((a) => [a.code, a.item, a.value])")
    }


def wait_until_kept(page):
    """Waits until all answers are on disk, or the page says that they are not kept."""
    wait_for(lambda: page.evaluate("byId('saved').ariaBusy !== 'true'"))


def save(page, folder):
    """What the button saves, into a folder of its own."""
    folder.mkdir(parents=True)
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    page.evaluate("go('overview'), byId('export').click()")
    return wait_for(lambda: sorted(folder.glob("*.json")))[0]


def answers_of(folder, rater, rule, leave=lambda code, item: False):
    """What a rater will answer, by code: [[item, value], …]."""
    key = read_key(folder)
    return {
        code: [[item, rule(code, None, item)] for item in key.items if not leave(code, item)]
        for code in key.forms[form_of(folder, rater)].codes
    }


def rate_with_interruptions(folder, rater, answers, profile, downloads):
    """Rates all sessions; tab, page, power and storage are lost on the way. Returns the saved file.

    Raises:
        AssertionError: an answer was lost.
    """
    entered = {}
    quarter = len(answers) // 4
    sessions = list(answers.items())

    def enter(page, some):
        for code, of_it in some:
            rate(page, code, of_it)
            entered.update({(code, item): value for item, value in of_it})

    with chromium(profile, crash=True) as browser:
        with browser.tab() as page:
            enter(open_form(page, folder, rater), sessions[:quarter])
            code, of_it = sessions[quarter]
            enter(page, [(code, of_it[:3])])  # the tab is closed in the middle of this session
        with browser.tab() as page:
            assert given(open_form(page, folder, rater)) == entered, "answers were lost with the tab"
            enter(page, sessions[quarter : 2 * quarter])
            wait_until_kept(page)
            page.call("Page.reload")
            wait_for(lambda: page.evaluate("document.readyState === 'complete' && typeof exported === 'function'"))
            assert given(page) == entered, "answers were lost by reloading"
    with chromium(profile) as browser, browser.tab() as page:
        assert given(open_form(page, folder, rater)) == entered, "answers were lost with the power"
        enter(page, sessions[2 * quarter : 3 * quarter])
        page.evaluate(FILL)
        enter(page, sessions[3 * quarter :])
        assert given(page) == entered, "answers were lost in a full storage"
        wait_until_kept(page)
        copy = save(page, downloads / "copy")
        warned = "does not keep your answers" in page.evaluate("byId('trouble').textContent")
    with chromium(profile) as browser, browser.tab() as page:
        open_form(page, folder, rater)
        kept = given(page)
        print(f"{rater}, storage full: {'warned, ' if warned else ''}kept {len(kept)} of {len(entered)} answers")
        assert kept == entered, "answers were lost in a full storage"
        page.evaluate(f"loadText({json.dumps(copy.read_text())})")
        assert given(page) == entered, "answers were lost between the saved file and the form"
        return save(page, downloads / "whole")


def disclosures(folder, names):
    """Every secret word that a file for raters holds: in its text, its name or its pictures, metadata included."""
    found, pictures = [], 0
    secrets = [*SECRETS, *names, "caption", "results/", "checkpoint"]
    for path in sorted((folder / "forms").iterdir()):
        text = path.read_text(encoding="utf-8")
        images = [base64.b64decode(data) for data in re.findall(r"base64,([A-Za-z0-9+/=]+)", text)]
        texts = {"text": DRAWN.sub("", text).lower(), "name": path.name.lower()}
        bytes_ = {f"picture {n}": image.decode("latin-1").lower() for n, image in enumerate(images)}
        found += [f"{path.name}, {place}: {word}" for word in secrets for place, of in texts.items() if word in of]
        long = [word for word in secrets if len(word) > 3]  # two bytes are in any picture, by chance
        found += [f"{path.name}, {place}: {word}" for word in long for place, of in bytes_.items() if word in of]
        for n, image in enumerate(images):
            opened = Image.open(io.BytesIO(image))
            if opened.getexif() or set(opened.info) - {"background", "loop", "timestamp", "duration"}:
                found.append(f"{path.name}, picture {n}: metadata {dict(opened.info)}")
        pictures += len(images)
    return found, pictures


def matrix(files, folder, item):
    """The ratings of an item [raters, codes], NaN where one is left out, as the files hold them."""
    key = read_key(folder)
    codes = {code: place for place, code in enumerate(sorted(key.sessions))}
    ratings = np.full((len(files), len(codes)), np.nan)
    for row, path in enumerate(files):
        for one in json.loads(path.read_text())["answers"]:
            if one["item"] == item:
                ratings[row, codes[one["code"]]] = one["value"]
    return ratings


def picture(folder, profile, where):
    """Screenshots of the form, by screen and view."""
    with chromium(profile) as browser, browser.tab() as page:
        for name, (width, height, phone) in SCREENS.items():
            page.resize(width, height, phone)
            for view in ("start", "rate", "overview"):
                open_form(page, folder, "ben")
                page.evaluate(f"go({'parts[0].key' if view == 'rate' else json.dumps(view)})")
                page.screenshot(where / f"{name}-{view}.png")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulated_raters", description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, help="a folder for screenshots of the form")
    where = parser.parse_args().pictures
    with tempfile.TemporaryDirectory() as made:
        base = Path(made)
        os.environ["MIRROR_OUTPUT"] = str(base / "output")
        names = write_runs(base / "output", CLIENTS, turns=4, pictures=64)
        folder = study(base / "output", names, instrument="ctrs")
        key = read_key(folder)
        for name in ("anna", "ben"):
            (base / name).mkdir()
        chance = np.random.default_rng(1)
        left = {(code, item) for code in key.sessions for item in key.items if chance.random() < LEFT_OUT}
        answers = {"anna": answers_of(folder, "anna", drawn(key))}
        answers["ben"] = answers_of(folder, "ben", drawn(key, NOISE), lambda code, item: (code, item) in left)
        files = [
            rate_with_interruptions(folder, name, answers[name], base / name, base / f"{name}-saved")
            for name in answers
        ]
        for one in import_files(folder, files):
            print(f"{one.rater}: {one.written} sessions imported, {len(one.missing)} with items left out, {one.faults}")
        told = disclosures(folder, [name.rpartition("/")[2] for name in names])
        print(f"blinding: {len(told[0])} disclosures in the files for raters, with {told[1]} pictures")
        largest = compare(study_agreement(folder, seed=1).humans.set_index("item"), files, folder)
        if where:
            where.mkdir(parents=True, exist_ok=True)
            picture(folder, base / "ben", where)
    if told[0] or largest > LARGEST:
        sys.exit("\n".join([*told[0], f"largest difference from the libraries: {largest:.2g}"]))


def compare(table, files, folder) -> float:
    """Prints alpha and ICC by item, and returns the largest difference from those of the libraries."""
    print(table[["units", "shared", "alpha", "interval_alpha", "icc", "icc_mean"]].round(3).to_string())
    if not (find_spec("krippendorff") and find_spec("pingouin")):
        print("krippendorff and pingouin are not installed: nothing to compare with")
        return 0.0
    largest = 0.0
    for item, row in table.iterrows():
        theirs = by_libraries(matrix(files, folder, item))
        pairs = {"alpha": "ordinal", "interval_alpha": "interval", "icc": "icc", "icc_mean": "icc_mean"}
        largest = max([largest, *(abs(row[mine] - theirs[name]) for mine, name in pairs.items())])
    print(f"largest difference from krippendorff and pingouin: {largest:.2g}")
    return largest


if __name__ == "__main__":
    main()
