"""A training set as a data set of the Hub: Parquet files with the pictures inside, and the upload.

Nothing is sent unless `push_folder` is called with the name of a repository.
"""

import importlib.util
import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mirror.building.dropped import Dropped
from mirror.building.training_set.check import (
    CARD,
    DIALOGUES,
    DROPPED,
    IMAGES,
    SET,
    TEST_IMAGES,
    TEST_TABLE,
    records_file,
)
from mirror.building.training_set.data_card import CardFacts, data_files, write_card
from mirror.files.atomic import discard, remove_scratch, write_text
from mirror.files.digests import require_intact, write_digests
from mirror.files.lock import locked
from mirror.paths import display_path
from mirror.prompts import VARIANTS

EXTRA = "hub"  # of this package, with what writes Parquet
SHARD = 2_000  # records of a file; about 400 MB at 336 × 336 pixels
REQUIRED = ("datasets", "pyarrow")


class HubError(RuntimeError):
    """The data set cannot be written or sent. The message says what to do."""


def require_parquet() -> None:
    """Check that Parquet files can be written, before anything expensive begins.

    Raises:
        HubError: the packages are not installed.
    """
    if missing := [name for name in REQUIRED if importlib.util.find_spec(name) is None]:
        raise HubError(
            f"parquet needs the package {missing[0]}, which is not installed; install this project with its extra "
            f"`{EXTRA}`: pip install 'mirror-notebooks[{EXTRA}]', or set parquet False"
        )


def write_hub_folder(folder: Path, target: Path, card: str, shard: int = SHARD) -> list[Path]:
    """Write a training set as Parquet files, one configuration a variant, with the test clients and tables beside.

    The pictures are in every file whose records show them: the folder is several times the size of the set.

    Args:
        folder: a set as `write_set` leaves it.
        target: the folder to write; one that was written before is replaced.
        card: the README, as `write_card` returns it with `parquet`.
        shard: records of a file, at least 1.

    Returns:
        The Parquet files, in order.

    Raises:
        HubError: packages are missing, or `target` holds files that no build wrote.
        ValueError: the set was changed since it was written.
        FolderInUse: another process writes there.
    """
    require_parquet()
    require_intact(folder)
    with locked(target, "writing the data set"):
        if target.exists() and any(target.iterdir()) and not (target / SET).is_file():
            raise HubError(f"{display_path(target)} holds other files; move them away, or name another folder")
        remove_scratch(target, "building-*")
        scratch = target.with_name(f".{target.name}.building-{uuid.uuid4().hex}")
        try:
            for cot in VARIANTS:
                _write_parquet(folder, cot, scratch / Path(data_files(cot, parquet=True)).parent, shard)
            for name in (SET, DIALOGUES, DROPPED, TEST_TABLE):
                if (folder / name).is_file():
                    shutil.copyfile(folder / name, scratch / name)
            if (folder / TEST_IMAGES).is_dir():
                shutil.copytree(folder / TEST_IMAGES, scratch / TEST_IMAGES)
            write_text(scratch / CARD, card)
            write_digests(scratch, subfolders=True)
            discard(target)
            os.replace(scratch, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return sorted(target.rglob("*.parquet"))


def hub_card(folder: Path, facts: CardFacts, dropped: Sequence[Dropped]) -> str:
    """Return the README of the Parquet form of a set.

    Args:
        folder: the set.
        facts: of its build.
        dropped: what all steps left out.
    """
    records = {cot: json.loads((folder / records_file(cot)).read_text(encoding="utf-8")) for cot in VARIANTS}
    counted = Counter((cot, one["question_id"].rsplit(":", 1)[1]) for cot, of_it in records.items() for one in of_it)
    counts = pd.DataFrame([(*key, count) for key, count in counted.items()], columns=["cot", "kind", "records"])
    dialogues = pd.read_csv(folder / DIALOGUES, dtype={"idx": str, "client": str, "person": str}, keep_default_na=False)
    return write_card(facts, counts, dialogues, dropped, parquet=True)


def _write_parquet(folder: Path, cot: str, target: Path, shard: int) -> None:
    """Write the records of a variant, with the bytes of their pictures as they are."""
    from datasets import Dataset, Features, Image, Value  # an extra: not everyone has it

    features = Features(
        {
            "question_id": Value("string"),
            "image": Image(),
            "conversations": [{"from": Value("string"), "value": Value("string")}],
        }
    )
    records = json.loads((folder / records_file(cot)).read_text(encoding="utf-8"))
    target.mkdir(parents=True)
    files = -(-len(records) // shard)
    for number in range(files):
        rows = list(_rows(records[number * shard : (number + 1) * shard], folder / IMAGES))
        name = f"train-{number:05d}-of-{files:05d}.parquet"
        Dataset.from_list(rows, features=features).to_parquet(target / name)


def _rows(records: list[dict[str, Any]], images: Path) -> Iterator[dict[str, Any]]:
    for record in records:
        yield record | {"image": {"bytes": (images / record["image"]).read_bytes(), "path": record["image"]}}


def push_folder(folder: Path, repository: str, private: bool = True) -> str:
    """Send a folder to the Hub as a data set; the token is the one of the environment (`HF_TOKEN`).

    Args:
        folder: a set, or what `write_hub_folder` wrote; it is checked first.
        repository: `owner/name`. One that exists keeps its visibility.
        private: whether a new repository is private.

    Returns:
        The address of the commit.

    Raises:
        HubError: `repository` is no name, or the folder has no card.
        ValueError: the folder was changed since it was written.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise HubError(f"push: must be owner/name of a data set, found {repository!r} ({error})") from None
    if repository.count("/") != 1:
        raise HubError(f"push: must be owner/name of a data set, found {repository!r}")
    if not (folder / CARD).is_file():
        raise HubError(f"{display_path(folder)} has no {CARD}; build the set again")
    require_intact(folder)
    api = HfApi()
    api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
    commit = api.upload_folder(
        repo_id=repository,
        folder_path=folder,
        repo_type="dataset",
        commit_message="Upload the training set",
        ignore_patterns=[".*", "**/.*"],
    )
    return str(commit.commit_url)
