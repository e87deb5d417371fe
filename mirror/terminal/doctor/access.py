"""Checks of what runs reach outside of models: services, packs, data. Shows no secret."""

import os
from collections.abc import Iterator

import httpx2

from mirror.building.settings import BuildSettings
from mirror.counseling.settings import CounselSettings
from mirror.paths import input_path, output_path
from mirror.secrets import TOKEN, secret_faults, secret_of_environment, url_faults_of_environment
from mirror.services.http_client import HttpClient
from mirror.services.service import COMMANDS, endpoint
from mirror.terminal.doctor.check import Check
from mirror.terminal.doctor.targets import DIALOGUES
from mirror.training.settings import TrainSettings

SECONDS = 5.0  # for a service's answer
SERVICES = {"IMG_VERIFICATION_URL": "/verify", "IMG_DESCRIPTION_URL": "/describe"}
PACK_ADVICE = "get buffalo_l from insightface's model zoo (non-commercial research only) and unpack it into {}"
BUILT = "results/build-published/set"  # where params/build/published.yaml writes
BUILD = "mirror build -f params/build/published.yaml -p dialogues {dialogues}, or mirror {stage} … -p {name} PATH"
SET = {"data": "mirror_{cot}.json", "image_folder": "images", "table": "test.csv", "portraits": "test_images"}

DIALOGUES_ADVICE = "hf download multimodal-reframing/mirror --repo-type dataset --local-dir data/published"
CELEBA_ADVICE = "get it from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (non-commercial research only)"
SOURCES = {
    "table": DIALOGUES_ADVICE,
    "test_table": DIALOGUES_ADVICE,
    "portraits": CELEBA_ADVICE,
    "portrait_table": CELEBA_ADVICE,
}


def services() -> Iterator[Check]:
    """The HTTP services whose URL is set, which then replace models in the notebook's process."""
    for variable, path in SERVICES.items():
        if not os.environ.get(variable):
            yield Check(variable, "not set: the notebook's process does this itself")
            continue
        faults = url_faults_of_environment(variable, TOKEN) + secret_faults(TOKEN)
        yield Check(variable, "cannot be used", path, faults[0]) if faults else _service(variable, path)


def _service(variable: str, path: str) -> Check:
    url = endpoint(os.environ[variable], path).removesuffix(path)
    start, needed = f"start it: {COMMANDS[path]}; or unset {variable}", f"{path} answers"
    token = secret_of_environment(TOKEN)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with HttpClient([url], SECONDS, SECONDS) as client:
            health = client.get(f"{url}/health")
            if health.status_code == 200:
                empty = client.post(f"{url}{path}", headers=headers)  # refused for its token, or for what it lacks
    except httpx2.RequestError as error:
        return Check(variable, f"no answer ({type(error).__name__})", needed, start)
    there = f"export {variable}=… , the address of {COMMANDS[path]}; or unset it"
    if health.status_code != 200:
        return Check(variable, f"another server: it answers {health.status_code} at /health", needed, there)
    if empty.status_code == 401:
        refused = "refuses this token" if token else "asks for a token"
        return Check(variable, f"answers, and {refused}", needed, f"export {TOKEN}=… , the value that it has there")
    if empty.status_code == 404:
        return Check(variable, f"another server: it has no {path}", needed, there)
    return Check(variable, "answers", needed)


def pack(settings: CounselSettings) -> Iterator[Check]:
    """The insightface pack of the filter, whether its models can be loaded, and its threshold."""
    if settings.verifier != "local":
        return
    from mirror.faces.identity import FacePack  # imports onnxruntime and insightface

    name, needed = "insightface pack", "detector, recognition model, and a threshold for the same person"
    folder = input_path(settings.face_pack)
    if not list(folder.glob("*.onnx")):
        yield Check(name, f"none at {folder}", needed, PACK_ADVICE.format(folder))
        return
    calibrate = f"python -m mirror.faces.calibration --pack {settings.face_pack} --pictures FOLDER"
    try:
        loaded = FacePack.load(settings.face_pack)
    except (OSError, ValueError) as error:
        yield Check(name, str(error).partition("; ")[0], needed, PACK_ADVICE.format(folder))
        return
    try:
        has_threshold = settings.identity_threshold is not None or loaded.calibrated_threshold() is not None
    except ValueError as error:  # of another recognition model, or unreadable
        yield Check(name, str(error).partition("; ")[0], needed, calibrate)
        return
    found = "here, " + ("with a threshold" if has_threshold else "without a threshold")
    yield Check(name, found, needed, "" if has_threshold else calibrate)


def data(training: TrainSettings, counseling: CounselSettings) -> Iterator[Check]:
    """The files and folders that the runs read."""
    of_runs = (("train", training, ("data", "image_folder")), ("counsel", counseling, ("table", "portraits")))
    for stage, settings, names in of_runs:
        for name in names:
            value = getattr(settings, name)
            built = f"{BUILT}/{SET[name].replace('{cot}', settings.cot)}"
            if input_path(value).exists():
                found, mend = "here", ""
            elif output_path(built).exists():
                found, mend = f"built: mirror {stage} … -p {name} {built}", ""
            else:
                found = f"no {input_path(value)}"
                mend = BUILD.format(stage=stage, name=name, dialogues=DIALOGUES)
            yield Check(f"{stage}: {name}", found, value, mend)


def sources(building: BuildSettings) -> Iterator[Check]:
    """The tables and portraits that a training set is built from."""
    for name, mend in SOURCES.items():
        for value in filter(None, map(str.strip, getattr(building, name).split(";"))):
            is_here = input_path(value).exists()
            found = "here" if is_here else f"no {input_path(value)}"
            yield Check(f"build: {name}", found, value, "" if is_here else mend)
