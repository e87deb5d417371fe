"""The 12 CBT techniques of pocket therapists: plan steps, and sentences for each of the first three steps.

Slots in braces are fields of a `Worry`: in the third person in a plan, in the second in a sentence; the thought, the
rule and the wish are quoted in the first person.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Technique:
    """One technique.

    Attributes:
        steps: The three or four steps of a plan.
        says: The therapist's sentences for each of the first three steps.
        moves: The kind of each of these steps: explore, challenge or practice.
    """

    steps: tuple[str, ...]
    says: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    moves: tuple[str, str, str]


TECHNIQUES = {
    "Efficiency Evaluation": Technique(
        steps=(
            "Put the thought about {event} into words.",
            "Ask what the thought costs and what it gives.",
            "Look for a thought that helps more.",
            "Try the new thought for a week.",
        ),
        says=(
            (
                'What does the thought "{thought}" do to your day?',
                'How do you feel right after you think "{thought}"?',
            ),
            (
                "What does this thought cost you, and what does it give you?",
                "Does this thought help you with {event}?",
            ),
            (
                "Which thought would help you more with {event}?",
                "What if you told yourself that {other}?",
            ),
        ),
        moves=("explore", "challenge", "practice"),
    ),
    "Pie Chart": Technique(
        steps=(
            "List everything that played a part in {event}.",
            "Give each part a slice of the pie.",
            "Look at the size of the client's own slice.",
        ),
        says=(
            (
                "What else played a part in {event}, beside you?",
                "Could {cause} have played a part too?",
            ),
            (
                "If all of it is a pie, how big is the slice for {cause}?",
                "How much of the pie would you give to {cause}?",
            ),
            (
                "How big is your own slice of the pie now?",
                "What is left of the pie for you alone?",
            ),
        ),
        moves=("explore", "challenge", "challenge"),
    ),
    "Alternative Perspective": Technique(
        steps=(
            "Hear how the client sees {event}.",
            "Ask how a good friend would see it.",
            "Find one more way to see it.",
            "Ask how the client feels with the new view.",
        ),
        says=(
            (
                "How do you see {event} today?",
                'What makes you think "{thought}"?',
            ),
            (
                "What would a good friend say about {event}?",
                "How would you see it if it happened to a friend?",
            ),
            (
                "Could it also be that {other}?",
                "What changes for you if {other}?",
            ),
        ),
        moves=("explore", "explore", "challenge"),
    ),
    "Decatastrophizing": Technique(
        steps=(
            "Name the worst that could happen.",
            "Ask how likely it is.",
            "Plan how the client would cope with it.",
            "Name what will most likely happen.",
        ),
        says=(
            (
                "What is the worst that could happen with {event}?",
                "Is {worst} the thing that you fear most?",
            ),
            (
                "From zero to ten, how likely is {worst}?",
                "How often has it come to {worst} so far?",
            ),
            (
                "If it came to {worst}, what would you do next?",
                "Who could help you if it came to {worst}?",
            ),
        ),
        moves=("explore", "challenge", "practice"),
    ),
    "Pros and Cons Analysis": Technique(
        steps=(
            "Name what is good about going on as before.",
            "Name what is bad about going on as before.",
            "Weigh both sides against a small change.",
        ),
        says=(
            (
                "What is good about going on as before?",
                "What do you gain when you keep {event} as it is?",
            ),
            (
                "And what is bad about going on as before?",
                "What do you lose when nothing changes?",
            ),
            (
                "What would be good and bad about it if you {act}?",
                "Which side weighs more for you now?",
            ),
        ),
        moves=("explore", "explore", "practice"),
    ),
    "Evidence-Based Questioning": Technique(
        steps=(
            "Ask what speaks for the thought.",
            "Ask what speaks against the thought.",
            "Find a fair thought that fits all the facts.",
            "Ask how true the old thought is now.",
        ),
        says=(
            (
                'What speaks for the thought "{thought}"?',
                'Which facts tell you "{thought}"?',
            ),
            (
                "What speaks against this thought?",
                "How does it fit that {fact}?",
            ),
            (
                "Which thought would fit all of these facts?",
                "If you remember that {fact}, what would be a fair thought?",
            ),
        ),
        moves=("explore", "challenge", "challenge"),
    ),
    "Reality Testing": Technique(
        steps=(
            "Say clearly what the client believes about {event}.",
            "Part what was seen from what was guessed.",
            "Find a way to check the guess.",
            "Talk about what the check has shown.",
        ),
        says=(
            (
                "What do you believe about {event}?",
                'How sure are you that it is true: "{thought}"?',
            ),
            (
                "What did you see yourself, and what did you guess?",
                "Which part of {event} do you know for sure?",
            ),
            (
                "You could {act}. What would that show you?",
                "What would you find out if you {act}?",
            ),
        ),
        moves=("explore", "challenge", "practice"),
    ),
    "Continuum": Technique(
        steps=(
            "Draw a line from zero to one hundred.",
            "Let the client put people on the line.",
            "Ask where the client stands on the line now.",
        ),
        says=(
            (
                'On a line from zero to one hundred, how true is "{thought}"?',
                "Where on a line from zero to one hundred would you put {event}?",
            ),
            (
                "Who would stand at zero and who at one hundred?",
                "Where on the line would you put someone you know?",
            ),
            (
                "Where on the line are you, when you think that {fact}?",
                "What would bring you ten points up on the line?",
            ),
        ),
        moves=("explore", "explore", "challenge"),
    ),
    "Changing Rules to Wishes": Technique(
        steps=(
            "Find the hard rule behind the thought.",
            "Ask where the rule comes from and what it costs.",
            "Turn the rule into a wish.",
            "Live by the wish for one day.",
        ),
        says=(
            (
                'Is there a rule behind it, like "{rule}"?',
                'How strict are you with the rule "{rule}"?',
            ),
            (
                "Where does this rule come from?",
                "What does this rule cost you with {event}?",
            ),
            (
                'How does this wish sound: "{wish}"?',
                'What changes if you say "{wish}"?',
            ),
        ),
        moves=("explore", "challenge", "practice"),
    ),
    "Behavior Experiment": Technique(
        steps=(
            "Write down what the client expects to happen.",
            "Agree on a small test of it.",
            "Plan what to watch in the test.",
            "Compare what was expected with what came.",
        ),
        says=(
            (
                "What do you expect to happen with {event}?",
                "If you don't hide, what do you think will happen?",
            ),
            (
                "Would you {act}, as a small test?",
                "What would it be like to {act}?",
            ),
            (
                "What would you watch when you {act}?",
                "How would you know that your fear came true?",
            ),
        ),
        moves=("explore", "practice", "practice"),
    ),
    "Problem-Solving Skills Training": Technique(
        steps=(
            "Say in one sentence what the problem is.",
            "Collect as many ways out as possible.",
            "Choose one way and plan the first step.",
            "Look back at how it went.",
        ),
        says=(
            (
                "What is the problem with {event}, in one sentence?",
                "Which part of {event} is the hardest?",
            ),
            (
                "Which ways out come to your mind, even silly ones?",
                "You could {act}. Which other ways do you see?",
            ),
            (
                "Which way would you choose, and what comes first?",
                "You could {first} first. When would be a good time?",
            ),
        ),
        moves=("explore", "practice", "practice"),
    ),
    "Systematic Exposure": Technique(
        steps=(
            "List scary moments from easy to hard.",
            "Learn to breathe slowly.",
            "Start with the easiest: {first}.",
            "Go one rung up: {act}.",
        ),
        says=(
            (
                "Which moment of {event} is easy and which one is hard?",
                "From zero to ten, how scary is {event}?",
            ),
            (
                "Shall we breathe slowly together for a moment?",
                "What happens in your body when you breathe out slowly?",
            ),
            (
                "Could you {first} this week, as the easiest rung?",
                "You could {first}. When would be a good time?",
            ),
        ),
        moves=("explore", "explore", "practice"),
    ),
}
