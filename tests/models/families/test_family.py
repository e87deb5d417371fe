"""The records of families: chosen by the type of a model's config, and complete."""

import pytest
import transformers

from mirror.models.families.family import families, family_of

ASKED = (
    "llava llava_next llava_onevision qwen2_5_vl qwen3_vl qwen3_5 internvl gemma3 gemma4 smolvlm idefics3 mistral3 "
    "glm46v"
).split()


@pytest.mark.parametrize("kind", ASKED)
def test_a_family_is_found_by_the_type_of_its_models(kind):
    family = family_of(kind)
    assert kind in family.model_types and family.sees and family.projector and family.vision_tower


def test_language_models_have_no_eyes():
    assert not family_of("llama").sees and not family_of("qwen3").projector


def test_an_unknown_family_is_refused_with_the_list_of_those_that_are_known():
    with pytest.raises(
        ValueError, match=r"my/model: models of the type 'fuyu' cannot be .* qwen3_vl.* without eyes .*llama"
    ):
        family_of("fuyu", "my/model")
    with pytest.raises(ValueError, match="type None"):
        family_of(None)


def test_no_two_records_claim_one_type_and_transformers_knows_all_of_them():
    kinds = [kind for family in {id(one): one for one in families().values()}.values() for kind in family.model_types]
    assert len(kinds) == len(set(kinds)) == len(families())
    known = transformers.models.auto.configuration_auto.CONFIG_MAPPING_NAMES
    assert set(kinds) - {"llava_llama"} <= set(known)
