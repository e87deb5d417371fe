"""Checks of what runs reach outside of models: keys, services, packs, data. Shows no secret."""

import os
from collections.abc import Iterator

import httpx2

from mirror.chat.roles import models_of_roles
from mirror.counseling.settings import CounselSettings
from mirror.paths import input_path, output_path
from mirror.secrets import KEY, TOKEN, secret_faults, url_faults_of_environment
from mirror.services.http_client import HttpClient
from mirror.services.service import COMMANDS, endpoint
from mirror.terminal.doctor.check import Check
from mirror.training.settings import TrainSettings

SECONDS = 5.0  # for a service's answer
ROLES = ("client", "describer", "counselor")
SERVICES = {"IMG_VERIFICATION_URL": "/verify", "IMG_DESCRIPTION_URL": "/describe"}
PACK_ADVICE = "get buffalo_l from insightface's model zoo (non-commercial research only) and unpack it there"
BUILT = "results/build-published/set"  # where params/build/published.yaml writes
BUILD = "mirror build -f params/build/published.yaml, or give yours: -p {} PATH"
SET = {"data": "mirror_{cot}.json", "image_folder": "images", "table": "test.csv", "portraits": "test_images"}


def keys(settings: CounselSettings) -> Iterator[Check]:
    """The key of the endpoints that a run asks; its value is not shown."""
    asked = models_of_roles(settings, ROLES)
    open_roles = {role: model for role, model in asked.items() if not getattr(settings, f"{role}_url")}
    if not open_roles:
        return
    needed = ", ".join(f"{role} {model}" for role, model in open_roles.items())
    has_server = bool(os.environ.get("OPENAI_BASE_URL"))
    faults = secret_faults(KEY) + url_faults_of_environment("OPENAI_BASE_URL", KEY, several=True)
    if faults:
        yield Check(KEY, "cannot be used", needed, faults[0])
    elif os.environ.get(KEY) or has_server:
        yield Check(KEY, "set" if os.environ.get(KEY) else "not set, and OPENAI_BASE_URL is", needed)
    else:
        yield Check(KEY, "not set", needed, f"export {KEY}=… , or export OPENAI_BASE_URL=… of a server that needs none")


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
    mend = f"start it: {COMMANDS[path]}; or unset {variable}"
    try:
        with HttpClient([url], SECONDS, SECONDS) as client:
            status = client.get(f"{url}/health").status_code
    except httpx2.RequestError as error:
        return Check(variable, f"no answer ({type(error).__name__})", f"{path} answers", mend)
    return Check(variable, f"answers {status}", f"{path} answers", "" if status == 200 else mend)


def pack(settings: CounselSettings) -> Iterator[Check]:
    """The insightface pack of the filter, and its threshold."""
    if settings.verifier != "local":
        return
    folder = input_path(settings.face_pack)
    if not list(folder.glob("*.onnx")):
        yield Check("insightface pack", f"none at {folder}", "its .onnx files", PACK_ADVICE)
        return
    is_set = settings.identity_threshold is not None or (folder / "calibration.json").is_file()
    calibrate = f"python -m mirror.faces.calibration --pack {settings.face_pack} --pictures FOLDER"
    found = "here, " + ("with a threshold" if is_set else "without a threshold")
    yield Check("insightface pack", found, "a threshold for the same person", "" if is_set else calibrate)


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
                found, mend = f"built: give -p {name} {built}", ""
            else:
                found, mend = f"no {input_path(value)}", BUILD.format(name)
            yield Check(f"{stage}: {name}", found, value, mend)
