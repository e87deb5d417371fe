"""Provenance of results: the commit of the code, the versions of packages, and the machine."""

import copy
import importlib.metadata
import platform
import subprocess
from functools import cache
from typing import Any

from mirror.paths import repository_root

PACKAGES = ("mirror-notebooks", "torch", "transformers", "peft", "diffusers", "numpy", "pillow", "papermill")


def environment() -> dict[str, Any]:
    """Return the commit (`code`), the `versions` of packages and Python, and the `platform`.

    Of the moment when this process first asked: files that change later are not what it runs.
    """
    return copy.deepcopy(_environment())


@cache
def _environment() -> dict[str, Any]:
    return {
        "code": commit(),
        "versions": versions() | {"python": platform.python_version()},
        "platform": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Return the installed versions of the packages that results depend on, by name."""
    return {name: version for name in PACKAGES if (version := _version(name))}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit() -> dict[str, Any]:
    """Return the `commit` of the repository and whether files differ from it (`changed`); None outside a checkout."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", *words], cwd=repository_root(), capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    tracked = git("status", "--porcelain", "--untracked-files=no")
    added = git("status", "--porcelain", "--untracked-files=all", "--", "*.py")  # a new module changes the code, too
    changed = None if tracked is None or added is None else bool(tracked or added)
    return {"commit": git("rev-parse", "HEAD"), "changed": changed}
