"""Seeds of the pocket data: the same in every process."""

from pocket.seeds import stable_seed


def test_seeds_do_not_depend_on_the_process():
    assert stable_seed("client", 7) == 194827666011
    assert stable_seed("client", 71) != stable_seed("client7", 1)
