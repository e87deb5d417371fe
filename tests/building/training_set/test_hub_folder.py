"""A data set for the Hub: refused with a reason where it cannot be written or sent."""

import importlib.util
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mirror.building.training_set import hub_folder
from mirror.building.training_set.data_card import CardFacts
from mirror.building.training_set.folder import write_set
from mirror.building.training_set.hub_folder import HubError, push_folder, require_parquet, write_hub_folder
from mirror.building.training_set.options import RecordOptions
from tests import ROOT
from tests.made_screenplays import make_clients, make_screenplays

HAS_PARQUET = all(importlib.util.find_spec(name) for name in hub_folder.REQUIRED)


@pytest.fixture
def written(tmp_path):
    screenplays, clients = make_screenplays(tmp_path / "sources", 3), make_clients(tmp_path / "sources", 1)
    write_set(tmp_path / "set", screenplays, clients, RecordOptions(), "build", card=CardFacts("A set"))
    return tmp_path / "set"


def test_without_the_packages_the_extra_is_named(tmp_path, written, monkeypatch):
    monkeypatch.setattr(hub_folder, "REQUIRED", ("no_such_package",))
    with pytest.raises(HubError, match=r"no_such_package, which is not installed; .*mirror-notebooks\[hub\]"):
        require_parquet()
    with pytest.raises(HubError):
        write_hub_folder(written, tmp_path / "hub", "# A set\n")
    assert not (tmp_path / "hub").exists()


@pytest.mark.skipif(not HAS_PARQUET, reason="datasets is an extra")
def test_parquet_holds_the_records_and_their_pictures(tmp_path, written):
    from datasets import load_dataset

    files = write_hub_folder(written, tmp_path / "hub", (written / "README.md").read_text(), shard=10)
    records = json.loads((written / "mirror_ec.json").read_text())
    names = [str(file) for file in files if file.parent.name == "ec"]
    assert len(names) == -(-len(records) // 10)
    read = load_dataset("parquet", data_files=names, split="train", cache_dir=str(tmp_path / "cache"))
    assert [row["question_id"] for row in read] == [record["question_id"] for record in records]
    for row, record in zip(read, records, strict=True):
        assert row["conversations"] == record["conversations"]
        assert row["image"].size == (24, 24)
    assert (tmp_path / "hub/test_images").is_dir() and (tmp_path / "hub/README.md").is_file()
    assert not (tmp_path / "hub/images").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/mine.txt").write_text("mine")
    with pytest.raises(HubError, match="holds other files"):
        write_hub_folder(written, tmp_path / "other", "# A set\n")


@pytest.mark.parametrize("name", ["", "set", "a/b/c", "a b/c", "../x", "owner/na--me"])
def test_a_name_that_is_none_is_refused(written, name):
    with pytest.raises(HubError, match="push: must be owner/name"):
        push_folder(written, name)


def test_only_an_intact_set_with_its_card_is_sent(written):
    (written / "mirror_ec.json").write_text("[]")
    with pytest.raises(ValueError, match=r"mirror_ec\.json has 2 bytes"):
        push_folder(written, "owner/name")
    (written / "README.md").unlink()
    with pytest.raises(HubError, match=r"has no README\.md"):
        push_folder(written, "owner/name")


class _Hub(BaseHTTPRequestHandler):
    """The requests of an upload, answered as the Hub does for small files of a new data set."""

    def do_GET(self):
        self.answer({"sha": "0" * 40, "id": "owner/name"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, self.headers["Authorization"], body))
        if "/preupload/" in self.path:
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            self.answer({"files": files})
        else:
            url = f"http://{self.headers['Host']}/datasets/owner/name"
            oid = "1" * 40
            self.answer({"url": url, "commitUrl": f"{url}/commit/{oid}", "commitOid": oid, "pullRequestUrl": None})

    def answer(self, value):
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *words):
        pass


PUSH = (
    "import sys\n"
    "from pathlib import Path\n"
    "from mirror.building.training_set.hub_folder import push_folder\n"
    "print(push_folder(Path(sys.argv[1]), 'owner/name'))\n"
)


@pytest.mark.slow
def test_a_new_data_set_is_private_and_complete(written):
    hub = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    hub.requests = []
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{hub.server_port}"
    names = {
        "HF_ENDPOINT": address,
        "HF_TOKEN": "hf_of_the_environment",
        "HF_HUB_OFFLINE": "0",
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", PUSH, str(written)], cwd=ROOT, env=os.environ | names, capture_output=True, text=True
    )
    hub.shutdown()
    hub.server_close()
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{address}/datasets/owner/name/commit/{'1' * 40}"
    created = next(json.loads(body) for path, _, body in hub.requests if path == "/api/repos/create")
    assert created["type"] == "dataset" and (created.get("private") or created.get("visibility") == "private")
    assert {token for _, token, _ in hub.requests} == {"Bearer hf_of_the_environment"}
    commit = next(body for path, _, body in hub.requests if "/commit/" in path)
    sent = [json.loads(line)["value"]["path"] for line in commit.splitlines() if json.loads(line)["key"] == "file"]
    here = {path.relative_to(written).as_posix() for path in written.rglob("*") if path.is_file()}
    assert set(sent) == here
