"""LLaVA, its weights in the published formats, LoRA adapters and checkpoints."""

import logging

# On some CPUs bitsandbytes, which peft imports where it is installed, advises to install a package that runs code from
# the Hub.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
