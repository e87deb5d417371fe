"""Compares a counselor behind `transformers serve` with the one in this process: python -m tests.served_replies

Tokens of many prompts, as transformers reads them and by vLLM's steps; then whole turns, whose greedy captions, plans
and replies must be the same. vLLM itself is not asked. Takes some minutes on two cores.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2
import torch
from PIL import Image
from transformers import AutoProcessor

from mirror.chat.endpoint import ChatEndpoint
from mirror.counseling.casting import build_counselor
from mirror.counseling.reply import CounselorRequest
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker.served import MergedModel, ServedSpeaker
from mirror.models.checkpoint import read_prompts
from mirror.models.llava import load
from mirror.models.llava_chat import tokenize_prompt
from mirror.paths import input_path
from mirror.prompts import Utterance
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.turn import Conversation, Turn
from tests.parameters import COUNSEL_DEFAULTS
from tests.served import POCKET, Folders, folders, hard_prompts, read_by_transformers, read_by_vllm
from tests.servers import free_port

COT = "ec_planning"
START_SECONDS = 180.0


def compare_tokens(place: Folders, number: int) -> int:
    """The number of prompts that both servers read as this process does."""
    merged, llava = MergedModel.read(Path(place.merged)), load(str(POCKET))
    speaker = ServedSpeaker(ChatEndpoint("mirror", "http://127.0.0.1:9/v1", "key"), merged, 12, {})
    processor, face = AutoProcessor.from_pretrained(place.merged), Image.new("RGB", (96, 96), "tan")
    same = 0
    for prompt in hard_prompts(read_prompts(Path(place.merged)), number):
        body = speaker.model.body([speaker.message(prompt, face)], 1)
        wanted = tokenize_prompt(llava.tokenizer, prompt, llava.image_token_id, llava.image_tokens)
        same += read_by_transformers(processor, body) == wanted == read_by_vllm(processor, body, llava)
    return same


def compare_replies(place: Folders, urls: str, turns: int) -> tuple[int, dict[str, str]]:
    """The number of turns with the same reply, and what the server refused."""
    served = {"counselor": "served", "checkpoint": place.merged, "counselor_model": place.merged}
    served |= {"counselor_url": urls, "untrained_model": place.base}
    common = COUNSEL_DEFAULTS | {"cot": COT, "temperature": 0.0, "max_new_tokens": 24, "planning_max_tokens": 32}
    counselor = build_counselor(CounselSettings.checked(common | served, "parameter"), "cpu", torch.float32)
    own = CounselSettings.checked(common | {"checkpoint": place.checkpoint}, "parameter")
    here, same = build_counselor(own, "cpu", torch.float32), 0
    profiles = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))
    for number in range(turns):
        profile = profiles[number % len(profiles)]
        said = [Turn(number=n, cue="", words=f"It is {n}.", client_raw="", reply="Go on.") for n in range(1, number)]
        utterance = Utterance("frowns", f"I can’t sleep,\nnot since {number}.")
        request = CounselorRequest(Conversation(profile, tuple(said), 7), utterance, Image.open(profile.portraits[0]))
        same += counselor.reply([request]) == here.reply([request])
    left_out = counselor.facts()["counselor"].get("left_out", {})
    return same, {name: entry["reason"] for name, entry in left_out.items()}


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Returns once the server answers.

    Raises:
        RuntimeError: it ended, or does not answer in time.
    """
    for _ in range(int(START_SECONDS)):
        try:
            httpx2.get(f"{url}/health", timeout=5, trust_env=False)
            return
        except httpx2.RequestError:
            if process.poll() is not None:
                break
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            continue
    raise RuntimeError("transformers serve does not answer")


def main() -> int:
    """Runs both comparisons and prints what came out."""
    parser = argparse.ArgumentParser(prog="python -m tests.served_replies", description=__doc__)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--turns", type=int, default=6)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = folders(Path(temporary), COT)
        tokens = compare_tokens(place, given.prompts)
        print(f"prompts with the same tokens: {tokens} of {given.prompts}")
        port = free_port()
        command = [sys.executable, "-m", "transformers.cli.transformers", "serve", "--host", "127.0.0.1"]
        command += ["--port", str(port), "--device", "cpu", "--dtype", "float32", "--log-level", "error"]
        process = subprocess.Popen(command, env=os.environ | {"HF_HUB_OFFLINE": "1"}, stdout=subprocess.DEVNULL)
        try:
            wait_for(f"http://127.0.0.1:{port}", process)
            replies, left_out = compare_replies(place, f"http://127.0.0.1:{port}/v1", given.turns)
        finally:
            process.terminate()
            process.wait()
    print(f"turns with the same replies by transformers serve: {replies} of {given.turns}")
    print(f"parameters that it refused: {left_out or 'none'}")
    return 0 if (tokens, replies) == (given.prompts, given.turns) else 1


if __name__ == "__main__":
    sys.exit(main())
