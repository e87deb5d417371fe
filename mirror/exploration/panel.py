"""A widget in which a person plays the client: types words, picks a cue, and sees face, verdict and reply."""

import ipywidgets as widgets

from mirror.clients.lexicon import lexicon
from mirror.exploration.page import step_page
from mirror.exploration.run import Exploration
from mirror.html_page import NOTICE


class Panel:
    """The panel of one exploration.

    Attributes:
        widget: what a notebook displays; it does nothing until a person clicks.
    """

    def __init__(self, exploration: Exploration) -> None:
        """Makes the widgets; `exploration` takes the turns."""
        self.exploration = exploration
        people = [(f"{p.name or p.idx} ({p.resistance})", p.idx) for p in exploration.profiles.values()]
        self.client = widgets.Dropdown(options=people, value=exploration.profile.idx, description="client")
        cues = tuple(f"looks {name}" for name in lexicon().entries)
        self.cue = widgets.Combobox(
            options=cues, placeholder="what can be seen: pick one, or type", description="cue", layout={"width": "95%"}
        )
        self.words = widgets.Textarea(
            placeholder="what the client says; may stay empty", description="words", layout={"width": "95%"}
        )
        self.speak = widgets.Button(description="Speak", button_style="primary", tooltip="take one turn")
        self.again = widgets.Button(description="New session", tooltip="forget what was said")
        self.status = widgets.Label()
        self.turns = widgets.VBox()
        self.speak.on_click(lambda _: self.take_turn())
        self.again.on_click(lambda _: self.begin())
        self.client.observe(lambda _: self.begin(), "value")
        buttons = widgets.HBox([self.speak, self.again, self.status])
        self.widget = widgets.VBox([widgets.HTML(NOTICE), self.client, self.cue, self.words, buttons, self.turns])

    def begin(self) -> None:
        """Begins a new session with the selected client."""
        self.exploration.begin(self.client.value)
        self.turns.children = ()
        self.status.value = ""

    def take_turn(self) -> None:
        """Takes one turn with the typed cue and words, and shows it above the earlier ones.

        An error is shown, and the session stays unchanged.
        """
        self.speak.disabled, self.status.value = True, "painting, verifying, answering …"
        try:
            step = self.exploration.say(self.cue.value, self.words.value)
        except (RuntimeError, ValueError) as error:  # raised by a collaborator that cannot do its part
            self.status.value = f"{type(error).__name__}: {error}"
        else:
            self.turns.children = (widgets.HTML(step_page(step, self.exploration.policy)), *self.turns.children)
            self.status.value, self.words.value = "", ""
        finally:
            self.speak.disabled = False
