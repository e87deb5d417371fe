"""`python -m api.verification`: loads the models and serves them."""

from typing import TYPE_CHECKING

from api.serving import start
from api.verification.app import VerificationSettings, create_app
from mirror.console import run_command

if TYPE_CHECKING:
    from mirror.faces.verification import LocalVerifier


def load(settings: VerificationSettings) -> "LocalVerifier":
    """Loads the models that the settings name. Raises like `LocalVerifier.load`."""
    from mirror.faces.verification import LocalVerifier  # imports torch, which --help does not need

    return LocalVerifier.load(
        settings.safety_model,
        settings.relevance_model,
        settings.face_pack,
        settings.relevance_threshold,
        settings.identity_threshold,
        settings.device,
    )


if __name__ == "__main__":
    from api.verification import __main__ as command  # worker processes find `load` by this name

    run_command(lambda: start("python -m api.verification", VerificationSettings, command.load, create_app))
