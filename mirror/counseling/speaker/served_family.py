"""A merged folder of any family but LLaVA-1.5 behind a server: what a request must hold, from the folder's small files.

The server writes the prompt with the chat template of the folder, as training did.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from mirror.chat.messages import Message
from mirror.counseling.reply import CounselorError
from mirror.files.image_file import upright
from mirror.models.families.loading import load_inputs
from mirror.models.families.vlm import Vlm
from mirror.models.generation_config import end_tokens
from mirror.models.llava_chat import IMAGE

NEVER = -100.0  # as the bias of a token's logit


@dataclass(frozen=True)
class MergedVlm:
    """What a merged folder says of its model without its weights; as `MergedModel`, which is for LLaVA-1.5.

    Attributes:
        vlm: the model without weights.
    """

    vlm: Vlm

    @classmethod
    def read(cls, folder: Path) -> "MergedVlm":
        """Reads the small files of a merged folder.

        Raises:
            ValueError: a file cannot be read, or the chat template cannot be used.
        """
        return cls(load_inputs(folder))

    @property
    def window(self) -> int:
        """Positions that a prompt with its answer can have."""
        return self.vlm.window

    def length(self, prompt: str, size: tuple[int, int]) -> int:
        """The number of tokens after which the model answers `prompt`, with those of an image of this size."""
        return len(self.vlm.tokenize_prompt(prompt, size))

    def message(self, prompt: str, image: Image.Image) -> Message | CounselorError:
        """The message of a prompt with its image, which the server resizes as the model needs it."""
        if (count := prompt.count(IMAGE)) > 1:
            return CounselorError(f"a prompt must hold {IMAGE} once at most, found {count}: {prompt[-200:]!r}")
        before, _, after = prompt.partition(IMAGE)
        text = self.vlm.chat.plain(before) + self.vlm.chat.plain(after.removeprefix("\n"))
        sees = self.vlm.family.sees and count
        return Message("user", text, (upright(image),) if sees else (), len(self.vlm.chat.plain(before)) if sees else 0)

    def sampling(self) -> dict[str, Any]:
        """The parameters of a request that the model needs beyond those that a user sets."""
        found: dict[str, Any] = {
            "stop_token_ids": end_tokens(self.vlm.model),
            "logit_bias": {str(token): NEVER for token in self.vlm.unused_tokens},
        }
        if self.vlm.family.template_options:
            found["chat_template_kwargs"] = dict(self.vlm.family.template_options)
        return found | ({"add_special_tokens": True} if self.vlm.chat.needs_first else {})
