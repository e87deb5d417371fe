"""Everyday worries of pocket clients, each with the phrases that a CBT dialogue about it needs.

All texts are in the first person; `pocket.texts.persons` converts them for therapists and plans.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Worry:
    """One everyday worry.

    Attributes:
        reason: The reason for counseling, in whole sentences.
        thought: The distorted thought, a sentence without its full stop, which the therapist quotes.
        event: What the worry is about, a noun phrase, e.g. `the talk on Monday`.
        worst: What the client fears, a noun phrase.
        fact: Evidence against the thought, a clause.
        other: An alternative view of the event, a clause.
        causes: Two causes besides the client, noun phrases.
        rule: The rigid rule behind the thought, a sentence without its full stop.
        wish: The rule rephrased as a wish, a sentence without its full stop.
        act: A small exercise, a verb phrase.
        first: An easier first step towards `act`, a verb phrase.
        techniques: The CBT techniques that suit the worry best.
    """

    reason: str
    thought: str
    event: str
    worst: str
    fact: str
    other: str
    causes: tuple[str, str]
    rule: str
    wish: str
    act: str
    first: str
    techniques: tuple[str, ...]


QUOTED = ("thought", "rule", "wish")  # fields that are quoted in the first person by everyone

WORRIES = (
    Worry(
        reason="I have to give a talk at work and I can't sleep.",
        thought="everyone will laugh at me",
        event="the talk on Monday",
        worst="a room full of people who laugh",
        fact="my last talk went well",
        other="some people in the room hope that I do well",
        causes=("the short time to prepare", "the noise in the room"),
        rule="I must never make a mistake in front of others",
        wish="I would like to speak well, and a small mistake is fine",
        act="give the talk to two friends",
        first="read the talk aloud at home",
        techniques=("Decatastrophizing", "Systematic Exposure", "Changing Rules to Wishes"),
    ),
    Worry(
        reason="My best friend has not called me for weeks.",
        thought="she does not like me any more",
        event="the silence of my friend",
        worst="the end of a long friendship",
        fact="she sent me a warm card last month",
        other="she may be busy with the new baby",
        causes=("her long hours at work", "the new baby"),
        rule="a good friend must always call",
        wish="I would like to hear from her, and I can call too",
        act="call her and ask how she is",
        first="write her a short message",
        techniques=("Alternative Perspective", "Evidence-Based Questioning", "Reality Testing"),
    ),
    Worry(
        reason="I failed an exam and I don't want to try again.",
        thought="I'm too stupid for this school",
        event="the exam in spring",
        worst="a second bad mark",
        fact="I passed four exams before",
        other="one bad mark says little about a whole year",
        causes=("the flu that week", "the hard questions"),
        rule="I must pass everything at the first try",
        wish="I would like to pass, and a second try is fine",
        act="study one hour with a group",
        first="read one page of my notes",
        techniques=("Pie Chart", "Evidence-Based Questioning", "Continuum"),
    ),
    Worry(
        reason="My partner left me and I blame myself for all of it.",
        thought="it was all my fault",
        event="the end of the relationship",
        worst="a life alone",
        fact="my partner stopped talking to me first",
        other="two people make a relationship, not one",
        causes=("the long way between our towns", "the fights about money"),
        rule="I must keep everyone happy",
        wish="I would like to be kind, and I can't please everyone",
        act="write down who did what",
        first="tell one friend how I feel",
        techniques=("Pie Chart", "Alternative Perspective", "Efficiency Evaluation"),
    ),
    Worry(
        reason="I feel my heart race on the train, so I stay at home.",
        thought="I will faint and no one will help me",
        event="the ride on the train",
        worst="a fall in front of strangers",
        fact="my heart has raced often and I never fainted",
        other="a fast heart is tiring but not a danger",
        causes=("the heat in the train", "too much coffee"),
        rule="I must always feel calm",
        wish="I would like to feel calm, and I can ride with some fear",
        act="ride the train for two stops",
        first="stand at the station for ten minutes",
        techniques=("Systematic Exposure", "Behavior Experiment", "Decatastrophizing"),
    ),
    Worry(
        reason="My boss gave my project to someone else.",
        thought="my boss thinks I'm useless",
        event="the project at work",
        worst="the loss of my job",
        fact="my boss asked me to train the new people",
        other="my boss may want to save my time for other work",
        causes=("the new plan of the company", "the small team"),
        rule="my work must always be praised",
        wish="I would like praise, and I can do good work without it",
        act="ask my boss for the reason",
        first="write down two questions for my boss",
        techniques=("Reality Testing", "Alternative Perspective", "Problem-Solving Skills Training"),
    ),
    Worry(
        reason="I shout at my children and then I feel awful.",
        thought="I'm a bad parent",
        event="the evenings with the children",
        worst="children who fear me",
        fact="I laugh with my children at breakfast",
        other="tired parents shout at times and love their children all the same",
        causes=("the long day at work", "the small flat"),
        rule="a good parent must never shout",
        wish="I would like to stay calm, and I can say sorry when I don't",
        act="take a short break before bedtime",
        first="count to ten at the door",
        techniques=("Continuum", "Problem-Solving Skills Training", "Changing Rules to Wishes"),
    ),
    Worry(
        reason="I owe money and I'm afraid to open my letters.",
        thought="I will lose everything",
        event="the pile of letters",
        worst="the loss of my home",
        fact="I paid back a loan three years ago",
        other="most debts can be paid in small parts",
        causes=("the high rent", "the broken car"),
        rule="I must solve my problems alone",
        wish="I would like to manage alone, and I may ask for help",
        act="call the bank and ask for a plan",
        first="open one letter with a friend",
        techniques=("Problem-Solving Skills Training", "Decatastrophizing", "Systematic Exposure"),
    ),
    Worry(
        reason="I eat lunch alone because I can't talk to people at work.",
        thought="they find me boring",
        event="the lunch break at work",
        worst="a long silence at the table",
        fact="one colleague asked me to sit with her",
        other="people like to be asked about themselves",
        causes=("the small group at the table", "my quiet nature"),
        rule="I must always have something clever to say",
        wish="I would like to be clever, and a simple word is fine",
        act="sit at the table and ask one question",
        first="say good morning to one colleague",
        techniques=("Behavior Experiment", "Systematic Exposure", "Reality Testing"),
    ),
    Worry(
        reason="I check the stove and the door many times a day.",
        thought="one slip and the house will burn down",
        event="the way out of the house",
        worst="a fire at home",
        fact="I have left home a thousand times without a fire",
        other="one look is as safe as ten",
        causes=("the old stove", "the stress at work"),
        rule="I must be sure about everything",
        wish="I would like to be sure, and I can live with some doubt",
        act="check the door only once",
        first="wait one minute before I check",
        techniques=("Behavior Experiment", "Pros and Cons Analysis", "Efficiency Evaluation"),
    ),
    Worry(
        reason="I lost my job last year and I have stopped looking.",
        thought="no one will ever hire me",
        event="the search for a job",
        worst="years without work",
        fact="two firms asked me to come and talk",
        other="many good people wait a long time for a job",
        causes=("the few jobs in my town", "my age"),
        rule="I must have a job to be worth something",
        wish="I would like to work, and I have worth without it",
        act="send one letter to a firm",
        first="read three offers",
        techniques=("Evidence-Based Questioning", "Problem-Solving Skills Training", "Pros and Cons Analysis"),
    ),
    Worry(
        reason="My father is ill and I never rest.",
        thought="I'm selfish if I rest",
        event="the care for my father",
        worst="my father alone in need",
        fact="my father told me to see my friends",
        other="a rested person can care for longer",
        causes=("the brother who never comes", "the long nights"),
        rule="I must always be there for others",
        wish="I would like to be there, and I may rest too",
        act="take one free evening a week",
        first="ask my brother for one hour of help",
        techniques=("Pros and Cons Analysis", "Changing Rules to Wishes", "Efficiency Evaluation"),
    ),
    Worry(
        reason="I think about my body all day and I hide it.",
        thought="everyone stares at my body",
        event="the swim with my friends",
        worst="a crowd that stares at me",
        fact="my friends look at the water and not at me",
        other="most people think about their own bodies",
        causes=("the pictures in magazines", "a mean word from long ago"),
        rule="I must look perfect",
        wish="I would like to look good, and I may look like me",
        act="swim for ten minutes and watch the people",
        first="wear a short shirt at home",
        techniques=("Behavior Experiment", "Reality Testing", "Efficiency Evaluation"),
    ),
    Worry(
        reason="I work until midnight because my work is never good enough.",
        thought="good work is not enough",
        event="the report for my team",
        worst="a report with a mistake",
        fact="my team liked the report that I wrote in one day",
        other="a report can be useful without being perfect",
        causes=("the strict deadline", "the many pages"),
        rule="my work must be perfect",
        wish="I would like to do good work, and I may stop at six",
        act="send a report after one check",
        first="leave work at seven once",
        techniques=("Continuum", "Pros and Cons Analysis", "Changing Rules to Wishes"),
    ),
    Worry(
        reason="I moved to a new town and I feel lonely.",
        thought="I will always be alone",
        event="the weekends in the new town",
        worst="another year without a friend",
        fact="I found friends in my last town",
        other="it takes time for strangers to become friends",
        causes=("the short time here", "the cold winter"),
        rule="people must come to me first",
        wish="I would like people to come, and I can go to them",
        act="go to the singing group once",
        first="greet one neighbour",
        techniques=("Decatastrophizing", "Problem-Solving Skills Training", "Evidence-Based Questioning"),
    ),
    Worry(
        reason="I was robbed in the park and I don't go out at night.",
        thought="it will happen again",
        event="the walk in the evening",
        worst="another attack",
        fact="I walked there safely for six years",
        other="the street is full of people at that hour",
        causes=("the dark path", "bad luck"),
        rule="I must never take a risk",
        wish="I would like to be safe, and a small risk is part of life",
        act="walk down the street at dusk with a friend",
        first="stand at the open door at dusk",
        techniques=("Systematic Exposure", "Continuum", "Reality Testing"),
    ),
    Worry(
        reason="My son does badly at school and I can't stop thinking about it.",
        thought="I have failed my son",
        event="the marks of my son",
        worst="a son without a future",
        fact="my son talks to me about his day",
        other="a bad year at school is not a bad life",
        causes=("the new teacher", "his many hours of games"),
        rule="my children must do well in everything",
        wish="I would like my son to do well, and he may find his own way",
        act="ask my son what would help him",
        first="spend one evening without a word about school",
        techniques=("Pie Chart", "Continuum", "Alternative Perspective"),
    ),
    Worry(
        reason="I had a fight with my sister and we don't talk.",
        thought="she wanted to hurt me",
        event="the fight with my sister",
        worst="a family that breaks apart",
        fact="she helped me when I was ill",
        other="she may have been hurt as well",
        causes=("the old story about the house", "the wine that evening"),
        rule="people must treat me fairly",
        wish="I would like to be treated fairly, and people make mistakes",
        act="tell my sister one thing that hurt",
        first="write a letter that I don't send",
        techniques=("Alternative Perspective", "Pie Chart", "Efficiency Evaluation"),
    ),
)
