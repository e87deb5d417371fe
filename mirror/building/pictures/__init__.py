"""Pictures of the client's face for every turn of the screenplays: described, painted, verified, and kept on disk."""

from mirror.building.pictures.ablation import ablation
from mirror.building.pictures.painting import Pictures, PicturesMissing
from mirror.building.pictures.studio import OwnStudio, Studio

__all__ = ["OwnStudio", "Pictures", "PicturesMissing", "Studio", "ablation"]
