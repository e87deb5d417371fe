"""`python -m api.verification`: loads the models and serves them."""

import sys

from api.serving import start
from api.verification.app import VerificationSettings, create_app


def load(settings: VerificationSettings):
    """The verifier that the settings name."""
    from mirror.faces.verification import LocalVerifier

    return LocalVerifier.load(
        settings.safety_model,
        settings.relevance_model,
        settings.face_pack,
        settings.relevance_threshold,
        settings.identity_threshold,
        settings.device,
    )


if __name__ == "__main__":
    sys.exit(start("python -m api.verification", VerificationSettings, load, create_app))
