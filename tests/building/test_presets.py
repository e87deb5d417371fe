import pytest

from mirror.building.presets import PRESETS
from mirror.building.settings import BuildSettings
from mirror.paths import input_path


def test_both_sizes_fill_in_the_same_parameters_of_a_build():
    assert PRESETS["published"].keys() == PRESETS["pocket"].keys() <= BuildSettings.model_fields.keys()


@pytest.mark.parametrize("name", ["table", "test_table", "portraits", "portrait_table"])
def test_the_pocket_sources_are_there(name):
    assert input_path(PRESETS["pocket"][name]).exists()
