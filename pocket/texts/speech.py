"""The sentences of pocket clients and therapists, by expression.

Slots: {feeling}, {name}, and the fields of a `Worry`, in the first person for clients, in the second for therapists.
"""

# Clients' sentences that reveal the feeling.
UNAMBIGUOUS = {
    "skeptical": (
        "I don't see how talking will change {event}.",
        "My last therapist said the same, and nothing changed.",
        "Do you really think that this works?",
        "That sounds too easy to me.",
        "And yet I still think: {thought}.",
        "It may help others, but not me.",
    ),
    "sad": (
        "It hurts to think about {event}.",
        "I used to enjoy things. Now I don't.",
        "I miss the way life was before.",
        "Nothing feels good since it began.",
        "That is how it is: {thought}.",
        "I have lost so much.",
    ),
    "withdrawn": (
        "I would rather not talk about {event}.",
        "There is nothing to say.",
        "Can we talk about something else?",
        "It's not important.",
        "I don't want to go into that.",
        "I did not try it. I forgot.",
    ),
    "irritated": (
        "You ask and ask, and nothing gets better!",
        "You don't know what {event} is like!",
        "Why must I say it again?",
        "Please stop telling me what to think.",
        "I came here for help, not for questions.",
        "I'm sick of {event}!",
    ),
    "anxious": (
        "I keep thinking about {worst}.",
        "What if it goes wrong again?",
        "My heart beats fast when I think of {event}.",
        "I can't stop thinking: {thought}.",
        "What if I can't do it?",
        "I can't sit still since this morning.",
    ),
    "relieved": (
        "Oh, that takes a weight off me.",
        "I slept well for the first time in weeks.",
        "It helps to think that {other}.",
        "I tried it, and it was not so bad.",
        "I'm so glad that I said it aloud.",
        "It's over, and nothing bad happened.",
    ),
    "attentive": (
        "Tell me more about that.",
        "How would I begin?",
        "I never saw it like that. How do you mean it?",
        "It's true that {fact}.",
        "I could {act}. What do you think?",
        "Yes, I want to understand that.",
    ),
    "tired": (
        "I was awake half the night.",
        "I have no strength left for {event}.",
        "All of this takes so much out of me.",
        "I could sleep right here.",
        "I get up tired and I go to bed tired.",
        "Everything is slow today.",
    ),
    "tearful": (
        "I'm sorry, I can't stop crying.",
        "It's too much. It's just too much.",
        "When I think of {worst}, I have to cry.",
        "I cried all morning about {event}.",
        "I'm so alone with this.",
        "I did not want to cry here.",
    ),
    "guarded": (
        "Why do you want to know that?",
        "Who else will hear what I say?",
        "I would like to keep that to myself.",
        "I don't know yet if I can trust you.",
        "What do you write down about me?",
        "I don't tell that to people I don't know.",
    ),
    "surprised": (
        "Oh! I did not expect that.",
        "Wait, really? I never thought of that!",
        "You mean that {other}?",
        "No one has ever asked me that!",
        "I just noticed that {fact}!",
        "That is new to me!",
    ),
    "calm": (
        "I feel all right about {event} today.",
        "I can see now that {other}.",
        "It's fine. I can live with some doubt.",
        "I took my time this week, and it did me good.",
        "I think I can go on from here.",
        "I could {first} and see what happens.",
    ),
}

# Clients' reactions to the feeling that the therapist named last, whatever they show now.
REACTIONS = (
    "Yes, {feeling}.",
    "{Feeling}, as you say.",
    "I was {feeling}, you are right.",
    "{Feeling}? Perhaps a little.",
    "You said that I look {feeling}.",
    "{Feeling} is a good word for it.",
    "I'm often {feeling}.",
    "So I look {feeling}.",
)

# Clients' sentences that fit every expression: only the face disambiguates them.
AMBIGUOUS = (
    "I don't know what to say.",
    "Maybe.",
    "I thought about it this week.",
    "Okay. Go on.",
    "So this is what you think.",
    "It's about {event}, as always.",
    "That's a question.",
    "I did what you said.",
    "Well, {event} is over for now.",
    "You know what happened.",
    "It was a week like that.",
    "I talked to my family about it.",
    "Yes, that is how it is.",
    "Hm. Let me think.",
    "I wrote it down, as you asked.",
    "I'm here again.",
    "There is something about {event}.",
    "If you say so.",
    "It happened again yesterday.",
    "I heard what you said.",
    "That is one way to see it.",
    "I was at home all week.",
    "You asked me that before.",
    "It's a long story.",
)

# How therapists name the feeling, and how they care for it.
_NAMING = ("You look {feeling}.", "You seem {feeling}, {name}.", "I see that you are {feeling}.")
NAMING = {
    "skeptical": (*_NAMING, "Your face looks {feeling}.", "You seem {feeling} about this."),
    "sad": (*_NAMING, "I can see how {feeling} you are.", "You look {feeling} today, {name}."),
    "withdrawn": (*_NAMING, "I notice that you are {feeling}.", "You seem {feeling} right now."),
    "irritated": (*_NAMING, "You seem {feeling} with me.", "I notice that you look {feeling}."),
    "anxious": (*_NAMING, "I can see how {feeling} you are.", "You look {feeling} right now, {name}."),
    "relieved": (*_NAMING, "I'm glad that you look {feeling}.", "How good that you seem {feeling}."),
    "attentive": (*_NAMING, "You seem {feeling}, and I like that.", "I'm glad that you look {feeling}."),
    "tired": (*_NAMING, "I can see how {feeling} you are.", "You look {feeling} today, {name}."),
    "tearful": (*_NAMING, "I notice that you are {feeling}.", "You look {feeling} right now, {name}."),
    "guarded": (*_NAMING, "I notice that you are {feeling}.", "Your face looks {feeling}."),
    "surprised": (*_NAMING, "Your face looks {feeling}.", "I notice that you are {feeling}."),
    "calm": (*_NAMING, "You look {feeling} today, {name}.", "I'm glad that you look {feeling}."),
}
CARING = {
    "skeptical": (
        "You don't have to agree with me.",
        "It's good that you don't believe everything.",
        "Your doubts are welcome here.",
    ),
    "sad": (
        "This is a heavy time.",
        "It's right that you don't hide it.",
        "I'm here with you.",
    ),
    "withdrawn": (
        "You choose what we talk about.",
        "We can be quiet for a moment, too.",
        "It's fine to keep some things away.",
    ),
    "irritated": (
        "You have a right to be, and I want to hear it.",
        "Maybe I was too fast. I'm sorry.",
        "Thank you for showing me.",
    ),
    "anxious": (
        "You are safe here, and there is no hurry.",
        "Let us take it slowly.",
        "Put both feet on the floor and breathe.",
    ),
    "relieved": (
        "Enjoy that for a moment.",
        "You have worked for this.",
        "You did that yourself.",
    ),
    "attentive": (
        "Let us use that.",
        "Then we look at it together.",
        "That helps us both.",
    ),
    "tired": (
        "We only take a small step today.",
        "You have carried a lot.",
        "You may rest here.",
    ),
    "tearful": (
        "Take all the time you need.",
        "Your tears are welcome here.",
        "You are not alone with it.",
    ),
    "guarded": (
        "What you say stays in this room.",
        "You only tell me what you want to tell.",
        "Trust takes time.",
    ),
    "surprised": (
        "Let that sink in.",
        "New thoughts are like that.",
        "We don't have to hurry on.",
    ),
    "calm": (
        "That's a good place to think from.",
        "It shows how far you have come.",
        "Let us build on that.",
    ),
}

# With these expressions the therapist stays with the feeling and postpones the plan.
STAYING = {
    "tearful": (
        "What makes you cry, if you want to say it?",
        "Which words go with these tears?",
        "What would do you good right now?",
    ),
    "irritated": (
        "What did I miss?",
        "What makes you most angry about {event}?",
        "What would you like me to do differently?",
    ),
}

# The first reply, to a client who has not spoken yet.
WELCOME = (
    "Welcome, {name}. {naming} {caring} What would you like to begin with?",
    "Hello {name}. {naming} {caring} What brings you here?",
    "Good to see you, {name}. {naming} {caring} Where shall we start?",
    "Hello and welcome, {name}. {naming} {caring} What is on your mind?",
)
