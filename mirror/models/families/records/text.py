"""Language models without eyes, the arm of a study that is shown no face: its prompts lack the image."""

from mirror.models.families.family import Family

TYPES = ("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3", "smollm3", "glm4", "olmo2")

FAMILIES = (Family(TYPES, language_model="model", projector=(), vision_tower=()),)
