"""The commit, package versions and machine that a record names."""

import importlib.metadata
import platform
import subprocess
from typing import Any

from mirror.paths import repository_root

PACKAGES = ("mirror-notebooks", "torch", "transformers", "peft", "diffusers", "numpy", "pillow", "papermill")


def environment() -> dict[str, Any]:
    """The code's commit, the packages' versions and the machine."""
    return {
        "code": commit(),
        "versions": versions() | {"python": platform.python_version()},
        "platform": platform.platform(),
    }


def versions() -> dict[str, str]:
    """The installed versions of the packages that results depend on."""
    return {name: version for name in PACKAGES if (version := _version(name))}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit() -> dict[str, Any]:
    """The repository's commit and whether files differ from it; both None outside a git checkout."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", *words], cwd=repository_root(), capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "changed": None if status is None else bool(status)}
