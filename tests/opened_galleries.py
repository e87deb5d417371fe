"""How long a browser needs to open a gallery of invented sessions, and to read and search in it.

    python -m tests.opened_galleries                       # 800 sessions of 20 turns
    python -m tests.opened_galleries --sessions 400 --runs 2

No faces are drawn: one picture of the size of a painted face, in pixels and bytes, stands for each. Prints the size of
the file, and the seconds until the list is there, until a session is there with its face, until the whole file is read,
of the first search, and of the step to the next session. Fails if a session
takes longer than `--limit` every time: other work on the machine can only delay it.
"""

import argparse
import base64
import io
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from mirror.benchmarks.synthetic_runs import write_run
from mirror.gallery import pictures, write_gallery, write_shared_gallery
from tests.browser import chromium, wait_for

# Runs before the page's own scripts: notes when each thing is first there.
WATCH = """
const measured = window.measured = {};
addEventListener('load', () => { measured.whole = performance.now() });
const look = () => {
  if (document.querySelector('#list li a')) measured.list ??= performance.now();
  const face = document.querySelector('img.face');
  if (face?.complete && face.naturalWidth) return face.decode().then(() => { measured.session = performance.now() });
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
SEARCH = """(async () => {
  const begun = performance.now();
  query.value = '"what went through"';
  query.dispatchEvent(new Event('input'));
  await new Promise((done) => whenThere(() => (isReading() ? undefined : true), done));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return [performance.now() - begun, found.textContent];
})()"""
NEXT = """(async () => {
  query.value = '';
  query.dispatchEvent(new Event('input'));
  const begun = performance.now();
  location.hash = document.querySelector('a.next').hash;
  await new Promise((done) => addEventListener('hashchange', done, {once: true}));
  await document.querySelector('img.face').decode();
  return performance.now() - begun;
})()"""


def measure(path, profile):
    """The milliseconds of one opening, by what was waited for; the last entry says what was found."""
    with chromium(profile) as page:
        page.resize(1280, 900)
        page.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        page.call("Page.navigate", url=path.as_uri())
        wait_for(lambda: page.evaluate("measured.whole && measured.session"), (AssertionError,), 120)
        first = page.evaluate("measured")
        searched, found = page.evaluate(SEARCH)
        times = {**first, "search": searched, "next": page.evaluate(NEXT)}
        assert page.problems == [] and page.requests == [], page.problems
        return times, found


def face():
    """The data URL of a picture of 128 pixels whose file is as large as that of a painted face."""
    chance = random.Random(1)
    small = Image.new("RGB", (44, 44))
    small.putdata([tuple(chance.randrange(90, 220) for _ in range(3)) for _ in range(44 * 44)])
    buffer = io.BytesIO()
    small.resize((128, 128), Image.Resampling.BICUBIC).save(buffer, "WEBP", quality=72)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.opened_galleries", description=__doc__.split("\n")[0])
    parser.add_argument("--sessions", type=int, default=800, help="of each run")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--times", type=int, default=3, help="how often it is opened")
    parser.add_argument("--limit", type=float, default=2, help="seconds until a session is read")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / f"run-{number}" for number in range(given.runs)]
        for number, folder in enumerate(folders):
            write_run(folder, [str(idx) for idx in range(given.sessions)], given.turns, number, "ec_planning")
        url = face()
        pictures.picture_url = lambda _path, _side: url
        begun = time.process_time()
        path = write_shared_gallery(folders, Path(scratch) / "all") if given.runs > 1 else write_gallery(folders[0])
        size = path.stat().st_size / 1e6
        print(f"written in {time.process_time() - begun:.1f} s of CPU, {size:.0f} MB, {len(url)} bytes a face")
        sessions = []
        for number in range(given.times):
            profile = Path(scratch) / f"profile-{number}"
            profile.mkdir()
            milliseconds, found = measure(path, profile)
            print(", ".join(f"{name} {value / 1000:.2f} s" for name, value in milliseconds.items()), f"({found})")
            sessions.append(milliseconds["session"] / 1000)
    print(json.dumps({"session": round(min(sessions), 2), "limit": given.limit}))
    sys.exit(min(sessions) > given.limit)


if __name__ == "__main__":
    main()
