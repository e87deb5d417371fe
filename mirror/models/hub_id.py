"""Names of models: a folder on this machine, or a repository id on the Hugging Face Hub. Accesses no network."""

from mirror.paths import input_path


def is_hub_id(name: str) -> bool:
    """Whether `name` has the form `owner/name` of a Hub id; anything else can only be a path."""
    return not name.startswith((".", "/", "~")) and name.count("/") == 1


def resolve_model(name: str) -> str:
    """The absolute path of the folder `name`, or `name` itself where there is no such folder.

    A relative folder is looked up below the repository's root. What is returned goes to the functions that load
    models, which take it as a path if it is a folder and as a Hub id otherwise.
    """
    folder = input_path(name)
    return str(folder) if folder.is_dir() else name
