"""Typed, frozen settings from a notebook's parameters or a params file; whatever cannot work is refused here.

Loads no model. Of the files that the settings name it reads a checkpoint's manifest and prompts, and looks whether the
others are there.
"""

from mirror.settings.analyse import AnalyseSettings
from mirror.settings.base import Settings, SettingsError
from mirror.settings.counsel import CounselSettings
from mirror.settings.explore import ExploreSettings
from mirror.settings.rate import RateSettings
from mirror.settings.train import RECIPES, TrainSettings

__all__ = [
    "RECIPES",
    "AnalyseSettings",
    "CounselSettings",
    "ExploreSettings",
    "RateSettings",
    "Settings",
    "SettingsError",
    "TrainSettings",
]
