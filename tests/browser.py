"""A page in headless Chromium, driven over the DevTools protocol; the browser talks to nobody but this process."""

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import websocket

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --disable-dev-shm-usage --hide-scrollbars --remote-debugging-port=0"
).split()


# Keys and clicks before the first frame are dropped.
PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


@contextmanager
def chromium(profile: Path, crash: bool = False):
    """A page of a new browser whose profile lies in `profile`, where an earlier one may have kept something.

    At the end of the block it is closed as by its user or, with `crash`, killed.
    """
    (profile / "DevToolsActivePort").unlink(missing_ok=True)
    with open(profile / "chromium.log", "wb") as log:
        process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"], stdout=log, stderr=log
        )
    try:
        port = wait_for(lambda: (profile / "DevToolsActivePort").read_text().split("\n")[0], (OSError,))
        targets = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30))
        address = next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
        socket = websocket.create_connection(address, timeout=60, suppress_origin=True)
        try:
            yield Page(socket, port)
        finally:
            socket.close()
    finally:
        process.kill() if crash else process.terminate()
        process.wait(30)


class Navigated(RuntimeError):
    """The page left for another address before it answered."""


def wait_for(look, missing=(), seconds=60):
    """What `look` gives, as soon as it is true; a page that leaves for another one is asked again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if value := look():
                return value
        except (Navigated, *missing):
            pass
        time.sleep(0.05)
    raise TimeoutError(f"nothing after {seconds} s")


class Page:
    """One tab; `problems` are what its console, its scripts, its policy and its network have complained of."""

    def __init__(self, socket, port):
        self.socket, self.port, self.numbers, self.events = socket, port, itertools.count(1), []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == number:
                error = message.get("error", {})
                if "navigated" in error.get("message", "") or "context was destroyed" in error.get("message", ""):
                    raise Navigated(error["message"])
                assert not error, error
                return message["result"]
            self.events.append(message)

    def evaluate(self, expression):
        """The value of a JavaScript expression; a promise is waited for."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def open(self, url):
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)
        wait_for(lambda: self.evaluate("location.href !== 'about:blank' && document.readyState === 'complete'"))
        wait_for(lambda: self.evaluate(PAINTED))

    @contextmanager
    def tab(self):
        """Another tab of the same browser, closed at the end of the block as by its user."""
        made = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(made, timeout=30) as answer:
            target = json.load(answer)
        socket = websocket.create_connection(target["webSocketDebuggerUrl"], timeout=60, suppress_origin=True)
        try:
            page = Page(socket, self.port)
            page.call("Page.bringToFront")
            page.call("Emulation.setFocusEmulationEnabled", enabled=True)
            yield page
        finally:
            socket.close()
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/json/close/{target['id']}", timeout=30).close()

    def press(self, *keys):
        """Press keys, named as in a KeyboardEvent: `a`, `Tab`, `ArrowDown`."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        codes |= {"Delete": 46}
        for key in keys:
            known = {"key": key, "code": key, "windowsVirtualKeyCode": codes.get(key, 0)}
            text = {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
            self.call("Input.dispatchKeyEvent", type="keyDown", **known, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **known)

    def choose(self, selector, path):
        """Give a file to a field, as if its user had chosen it."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def resize(self, width, height, phone=False, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path):
        Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    @property
    def problems(self):
        self.evaluate("new Promise((done) => setTimeout(done, 100))")
        told = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if (
                method == "Runtime.exceptionThrown"
                or method == "Runtime.consoleAPICalled"
                and params["type"] == "error"
            ):
                told.append(str(params))
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                told.append(params["entry"]["text"])
        return told

    @property
    def requests(self):
        """Addresses that the page has asked for, other than files, data and blank pages."""
        urls = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("data:", "about:", "file:"))]
