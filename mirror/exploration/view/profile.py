"""Who the client is, as HTML, for the person who plays it. All text is escaped."""

from mirror.exploration.view.step import escaped
from mirror.files.image_file import data_url, open_picture
from mirror.transcripts.profile import Profile

PORTRAIT = 104  # pixels


def profile_page(profile: Profile) -> str:
    """The client as HTML: portrait, who it is, why it comes, what it thinks, and how it resists; only what is known."""
    picture = data_url(open_picture(profile.portraits[0]), 2 * PORTRAIT)
    facts = {
        "comes because": profile.reason,
        "thinks": profile.distorted_thought,
        "resists": "" if profile.resistance in (None, "none") else f"in a way that is {profile.resistance}",
    }
    rows = "".join(f"<dt>{label}</dt><dd>{escaped(text)}</dd>" for label, text in facts.items() if text)
    name = escaped(profile.name or "The client")
    about = f"<p>{escaped(profile.personal_info)}</p>" if profile.personal_info else ""
    return (
        f"<section class='profile' aria-label='The client'><img class='face' width='{PORTRAIT}' height='{PORTRAIT}' "
        f"src='{picture}' alt='portrait of {name}'><div><h2>{name}</h2>{about}<dl>{rows}</dl></div></section>"
    )
