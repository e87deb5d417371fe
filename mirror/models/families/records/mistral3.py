"""Mistral Small 3.1 and later: images at their own resolution, with a mark after each row, as Pixtral has them."""

from typing import Any

from mirror.models.families.family import Family


def processor() -> Any:
    """A processor that writes an image as Pixtral's does, whose module cannot be imported without torchvision."""
    from transformers import ProcessorMixin

    class PixtralProcessor(ProcessorMixin):
        def __init__(
            self,
            image_processor: Any = None,
            tokenizer: Any = None,
            patch_size: int = 16,
            spatial_merge_size: int = 1,
            chat_template: str | None = None,
            image_token: str = "[IMG]",
            image_break_token: str = "[IMG_BREAK]",
            image_end_token: str = "[IMG_END]",
            **_: Any,
        ) -> None:
            super().__init__(image_processor, tokenizer, chat_template=chat_template)
            self.patch = patch_size * spatial_merge_size  # pixels of a position
            self.image_token, self.row_end, self.image_end = image_token, image_break_token, image_end_token
            self.image_token_id = tokenizer.convert_tokens_to_ids(image_token)

        def _process_images(self, images: Any, **options: Any) -> Any:
            return super()._process_images(images, **options | {"patch_size": self.patch})

        def replace_image_token(self, image_inputs: Any, image_idx: int, **_: Any) -> str:
            height, width = image_inputs["image_sizes"][image_idx]
            row = self.image_token * (int(width) // self.patch)
            return self.row_end.join([row] * (int(height) // self.patch)) + self.image_end

    return PixtralProcessor


FAMILIES = (Family(("mistral3",), processor=processor),)
