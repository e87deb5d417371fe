"""The panel in a notebook: widgets over a chat, in which a person plays the client.

The widgets talk through the kernel, so they work on a remote hub, too; a page of its own is `mirror.exploration.page`.
"""

import html

import ipywidgets as widgets

from mirror.exploration import actions
from mirror.exploration.chat import Busy, Chat
from mirror.exploration.comparison import question
from mirror.exploration.page import CUES
from mirror.exploration.portrait import OwnClient
from mirror.exploration.run import Exploration
from mirror.exploration.view.profile import profile_page
from mirror.exploration.view.step import STYLE
from mirror.html_page import NOTICE

WIDE = {"width": "98%"}
# The newest turn is at the bottom, and stays in view while turns are added.
LOG = """<style>.mirror-log {flex-direction: column-reverse !important; overflow-y: auto; max-height: 38em}
.mirror-log > * {flex: none}</style>"""
DOTS = "<span class='dots' aria-hidden='true'><i></i><i></i><i></i></span>"


class Panel:
    """The panel of one exploration.

    Attributes:
        chat: what a person does and sees.
        widget: what a notebook displays; it does nothing until a person clicks.
    """

    def __init__(self, exploration: Exploration) -> None:
        """Makes the widgets; the conversation of `exploration` goes on in them."""
        self.chat = Chat(exploration)
        people = [(f"{p.name or p.idx} ({p.resistance})", p.idx) for p in exploration.profiles.values()]
        self.client = widgets.Dropdown(options=people, value=exploration.profile.idx, description="client")
        self.cue = widgets.Combobox(
            options=CUES, placeholder="what can be seen: pick one, or type", description="cue", layout=WIDE
        )
        self.words = widgets.Textarea(
            placeholder="what the client says; may stay empty", description="words", layout=WIDE
        )
        self.turns, self.status, self.counselors = widgets.VBox(), widgets.HTML(), widgets.HTML()
        self.profile, self._session = widgets.HTML(), 0
        self._shown: dict[str, widgets.HTML] = {}
        self._drafted = 0
        self._make_buttons()
        self._make_own_client()
        self._make_vote()
        log = widgets.Box([widgets.VBox([self.profile, self.turns])])
        log.add_class("mirror-log")
        self.widget = widgets.VBox(
            [
                widgets.HTML(f"{STYLE}{LOG}<div class='mirror-chat'><p class='care' role='note'>{NOTICE}</p></div>"),
                widgets.HBox([self.client, self.buttons["begin"], self.buttons["save"]]),
                self.counselors,
                log,
                self.status,
                self.vote,
                self.cue,
                self.words,
                widgets.HBox([self.buttons[name] for name in ("say", "listen", "again", "take_back")]),
                self.own_client,
            ]
        )
        self.chat.listeners.append(self._show)
        self._show()

    def _make_buttons(self) -> None:
        kinds: dict[str, tuple[str, str]] = {
            "say": ("Send", "take one turn with what is typed"),
            "listen": ("Let the client speak", "the client of the configuration, played by its model or script"),
            "again": ("Another seed", "try the last turn again"),
            "take_back": ("Take back", "remove the last turn, and type its words again"),
            "begin": ("New session", "with this client"),
            "save": ("Save", "as a transcript"),
            "portrait": ("Begin with this client", "a new session"),
        }
        self.buttons = {
            name: widgets.Button(description=text, tooltip=tip, layout={"width": "auto"})
            for name, (text, tip) in kinds.items()
        }
        self.buttons["say"].button_style = "primary"
        done = {"listen": actions.Listen(), "again": actions.Again(), "take_back": actions.TakeBack()}
        for name, action in {**done, "save": actions.Save()}.items():
            self.buttons[name].on_click(lambda _, action=action: self.do(action))
        self.buttons["say"].on_click(lambda _: self.send())
        self.buttons["begin"].on_click(lambda _: self._begin())
        self.buttons["portrait"].on_click(lambda _: self._use_portrait())
        self.client.observe(lambda _: self._begin(), "value")

    def _make_own_client(self) -> None:
        self.picture = widgets.FileUpload(accept="image/*", description="portrait")
        labels = {"path": "or its path", "gender": "gender", "name": "name", "about": "who it is", "reason": "reason"}
        self.own = {name: widgets.Text(description=text, layout=WIDE) for name, text in labels.items()}
        box = widgets.VBox([self.picture, *self.own.values(), self.buttons["portrait"]])
        self.own_client = widgets.Accordion([box], titles=("A client of your own",))

    def _make_vote(self) -> None:
        self.reason = widgets.Text(description="reason", placeholder="if you like", layout=WIDE)
        votes = {"first": "A was better", "neither": "No difference", "second": "B was better"}
        self.votes = {vote: widgets.Button(description=text) for vote, text in votes.items()}
        for vote, button in self.votes.items():
            button.on_click(lambda _, vote=vote: self.do(actions.CastVote(vote=vote, reason=self.reason.value)))
        title = f"<b>Which counselor was better?</b> {html.escape(question())}"
        self.vote = widgets.VBox([widgets.HTML(title), widgets.HBox([*self.votes.values()]), self.reason])

    # What a person does -------------------------------------------------------------------------------------------

    def do(self, action: actions.Action) -> bool:
        """Does an action, and shows what comes of it; an error is shown, and what was said and typed stays."""
        try:
            work = self.chat.accept(action)
        except Busy as busy:
            self.status.value = _note(str(busy))
            return False
        return work()

    def send(self) -> None:
        """Takes a turn with the typed cue and words, which leave their fields if it goes well."""
        try:
            action = actions.Say(cue=self.cue.value, words=self.words.value)
        except ValueError as error:  # a control character, or half a character
            self.status.value = _note(str(error))
            return
        if self.do(action):
            self.cue.value = self.words.value = ""

    def _begin(self) -> None:
        if self.client.value != self.chat.exploration.profile.idx or self.chat.exploration.exchanges:
            self.do(actions.Begin(client=self.client.value))

    def _use_portrait(self) -> None:
        about = {name: field.value for name, field in self.own.items() if name != "path"}
        content = bytes(self.picture.value[0]["content"]) if self.picture.value else b""
        path = "" if content else self.own["path"].value
        self.do(actions.GivePortrait.model_construct(picture=content, path=path, about=OwnClient(**about)))

    # What there is to see -----------------------------------------------------------------------------------------

    def _show(self) -> None:
        chat, can = self.chat, self.chat.can
        for name, button in self.buttons.items():
            button.disabled = name not in can
        self.buttons["take_back"].disabled = not can & {"take_back", "restore"}
        self.buttons["take_back"].description = "Bring back session" if "restore" in can else "Take back"
        self.client.disabled = "begin" not in can
        self.vote.layout.display = None if "vote" in can else "none"
        self.counselors.value = _quiet(" ".join(chat.counselors))
        self.status.value = self._status()
        if chat.draft.number > self._drafted:
            self._drafted = chat.draft.number
            if not self.cue.value and not self.words.value:
                self.cue.value, self.words.value = chat.draft.cue, chat.draft.words
        if not chat.doing:
            self._show_turns()

    def _show_turns(self) -> None:
        chat, explored = self.chat, self.chat.exploration
        if self._session != chat.sessions:
            self._session = chat.sessions
            self.profile.value = f"<div class='mirror-chat'>{profile_page(explored.profile)}</div>"
        shown: dict[str, widgets.HTML] = {}
        for exchange in explored.exchanges:
            key = f"{exchange.serial} {chat.is_blind}"
            shown[key] = self._shown.get(key) or widgets.HTML(
                f"<div class='mirror-chat'>{chat.exchange_page(exchange)}</div>"
            )
        self._shown = shown
        self.turns.children = tuple(shown.values())

    def _status(self) -> str:
        chat = self.chat
        if chat.doing:
            doing = html.escape(chat.doing[0].upper() + chat.doing[1:])
            return f"<div class='mirror-chat'><p class='doing' role='status'>{DOTS}<span>{doing}</span></p></div>"
        if chat.fault:
            title, message, advice = (html.escape(getattr(chat.fault, name)) for name in ("title", "message", "advice"))
            told = f"<b>{title}</b><p class='message'>{message}</p><p class='advice'>{advice}</p>"
            return f"<div class='mirror-chat'><div class='fault' role='alert'>{told}</div></div>"
        return _note(chat.note)


def _note(text: str) -> str:
    return f"<div class='mirror-chat'><p role='status'>{html.escape(text)}</p></div>"


def _quiet(text: str) -> str:
    return f"<div class='mirror-chat'><p class='care'>{html.escape(text)}</p></div>"
