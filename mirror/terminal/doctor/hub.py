"""Checks of models: on this machine, or to be had from the Hugging Face Hub, licences included. Downloads nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_url, snapshot_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

from mirror.building.settings import BuildSettings
from mirror.counseling.settings import CounselSettings
from mirror.models.hub_id import is_hub_id
from mirror.models.weight_files import SMALL_FILES, check_file, check_pointer, choose, needed
from mirror.paths import input_path
from mirror.terminal.doctor.check import Check, gigabytes
from mirror.training.settings import TrainSettings

SECONDS = 10.0  # for each answer of the Hub
DIFFUSERS = ("", "unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")
CONFIG = "config.json"
WEIGHT_PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")


@dataclass(frozen=True)
class HubModel:
    """A model that a run will load.

    Attributes:
        role: what it is for.
        name: a folder, a Hub id, or a file in a Hub repository as `owner/name/file`.
        revision: on the Hub; empty for the newest.
        parts: subfolders with weights, for a model in parts.
    """

    role: str
    name: str
    revision: str = ""
    parts: tuple[str, ...] = ("",)

    @property
    def repository(self) -> str:
        """The Hub id."""
        return "/".join(self.name.split("/")[:2])

    @property
    def file(self) -> str:
        """The file within the repository, if one is named."""
        return "/".join(self.name.split("/")[2:])


def models(
    training: TrainSettings, counseling: CounselSettings, building: BuildSettings | None = None
) -> list[HubModel]:
    """The models that some runs will load, each once; the build has painter and filters of the counseling.

    Args:
        training: that is meant.
        counseling: likewise.
        building: of the training set; None if it is here.
    """
    s = counseling
    found = [
        HubModel("base model", training.base_model, training.revision),
        HubModel("base model", s.base_model, s.revision),
        HubModel("painter", s.painter, s.painter_revision, WEIGHT_PARTS),
        HubModel("PhotoMaker", s.adapter),
    ]
    if s.verifier == "local":
        found += [HubModel("safety filter", s.safety_model), HubModel("relevance filter", s.relevance_model)]
    described = (s, building) if building else (s,)
    found += [HubModel("describer", one.describer_model) for one in described if one.describer == "local"]
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Copy:
    """What is on this machine of a model.

    Attributes:
        is_here: whether there is a folder or file of it, with its weights.
        fault: of its files; empty if they can be loaded.
        file: with the fault; empty if none is named.
    """

    is_here: bool
    fault: str = ""
    file: str = ""


ABSENT = Copy(is_here=False)


def copy_of(model: HubModel, cache: Path | None = None) -> Copy:
    """Look at the files of a model on this machine, in a folder or in the Hub's cache; no tensor is read."""
    local = input_path(model.name)
    if local.is_file():
        return _looked_at([local])
    if local.is_dir():
        return _folder(local, model.parts)
    if not is_hub_id(model.repository):
        return ABSENT
    try:
        folder = Path(
            snapshot_download(model.repository, revision=model.revision or None, cache_dir=cache, local_files_only=True)
        )
    except LocalEntryNotFoundError:
        return ABSENT
    if model.file:
        return _looked_at([folder / model.file]) if (folder / model.file).exists() else ABSENT
    found = _folder(folder, model.parts)
    return ABSENT if found.fault and not found.file else found  # what a download lacks, it brings


def _folder(folder: Path, parts: tuple[str, ...]) -> Copy:
    files = []
    for part in (folder / name for name in parts):
        names = [path.name for path in part.iterdir() if path.exists()] if part.is_dir() else []
        chosen = choose(names, half=True)
        if chosen is None or CONFIG not in names:
            return Copy(True, f"{part} has no {CONFIG if chosen else 'complete set of weights'}")
        files += [part / name for name in chosen.files]
        files += [part / name for name in names if name.endswith(SMALL_FILES)]
    return _looked_at(files)


def _looked_at(files: list[Path]) -> Copy:
    for path in files:
        try:
            if path.name.endswith(SMALL_FILES):
                check_pointer(path)
            else:
                check_file(path)
        except (ValueError, OSError) as error:
            return Copy(True, str(error).partition("; ")[0], path.name)
    return Copy(True)


@dataclass
class Hub:
    """Asks the Hub about models.

    Attributes:
        api: the client.
        is_offline: whether the Hub must not be asked (HF_HUB_OFFLINE).
        cache: folder of downloaded models; None for the user's own.
        absent: how many of the models asked for so far are not here.
        to_download: bytes of these, as far as the Hub told.
        unreachable: why the Hub gave no answer; it is then not asked again.
    """

    api: HfApi
    is_offline: bool = constants.HF_HUB_OFFLINE
    cache: Path | None = None
    absent: int = 0
    to_download: int = 0
    unreachable: str = ""

    def checks(self, wanted: list[HubModel]) -> Iterator[Check]:
        """One check per model."""
        for model in wanted:
            yield self._check(model)

    def _check(self, model: HubModel) -> Check:
        name, needed_words = f"{model.role}: {model.name}", "weights"
        copy = copy_of(model, self.cache)
        get = f"hf download {model.repository}{' ' + model.file if model.file else ''}"
        if copy.fault:
            is_local = input_path(model.name).exists()
            mend = "download it again or copy it here again; of a clone: git checkout pocket, git lfs pull"
            return Check(name, copy.fault, needed_words, mend if is_local else f"{get} --force-download")
        if copy.is_here:
            return Check(name, "here", needed_words)
        if not is_hub_id(model.repository) or model.name.startswith((".", "~", "/")):
            return Check(name, f"no such folder {input_path(model.name)}", needed_words, "give a folder or a Hub id")
        self.absent += 1
        if self.unreachable:
            return self._not_reached(name, get)
        if self.is_offline:
            found = "not here, and HF_HUB_OFFLINE is set, so the Hub was not asked"
            return Check(name, found, needed_words, f"unset HF_HUB_OFFLINE; {get}")
        return self._asked(model, name, get)

    def _not_reached(self, name: str, get: str) -> Check:
        found = f"not here, and the Hub cannot be reached ({self.unreachable})"
        return Check(name, found, "weights", f"connect this machine, or copy the folder here; {get}")

    def _asked(self, model: HubModel, name: str, get: str) -> Check:
        page = f"{self.api.endpoint}/{model.repository}"
        try:
            info = self.api.model_info(
                model.repository, revision=model.revision or None, timeout=SECONDS, files_metadata=True
            )
            if info.gated:
                url = hf_hub_url(model.repository, "config.json", endpoint=self.api.endpoint)
                get_hf_file_metadata(url, timeout=SECONDS, token=self.api.token)
        except GatedRepoError:
            mend = f"accept the licence at {page}, then: hf auth login"
            return Check(name, "gated: this login may not read it", "weights", mend)
        except RepositoryNotFoundError:
            return Check(name, "not on the Hub, or private", "weights", "correct the name, or: hf auth login")
        except HfHubHTTPError as error:
            return Check(name, f"the Hub answered {error.response.status_code}", "weights", f"try again later: {get}")
        except (OSError, httpx2.HTTPError) as error:
            self.unreachable = type(error).__name__
            return self._not_reached(name, get)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        files = [model.file] if model.file else needed(sizes, True, DIFFUSERS if len(model.parts) > 1 else model.parts)
        size = sum(sizes.get(file, 0) for file in files)
        self.to_download += size
        return Check(name, f"to be downloaded, {gigabytes(size)}; {get}", "weights")
