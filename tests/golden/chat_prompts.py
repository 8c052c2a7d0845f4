"""The conversations of the chat goldens."""

Message = dict[str, str]


def user(*turns: str) -> list[Message]:
    """Turns of the user and the assistant, the user's first."""
    return [{"role": "assistant" if i % 2 else "user", "content": text} for i, text in enumerate(turns)]


def system(text: str, *turns: str) -> list[Message]:
    return [{"role": "system", "content": text}, *user(*turns)]


CONVERSATIONS = [
    user("Why is the sky blue?"),
    user("Write a short story about a cat who lives beside a fireplace."),
    user("Explain to a child how a chimney works."),
    user("Write a Python function that returns the n-th Fibonacci number."),
    user("What are the main differences between a star and a planet?"),
    user("Give me a recipe for vegetable soup."),
    user("List ten things that one can do on a rainy day."),
    user("How does a bicycle stay upright?"),
    user("Describe the city of Paris to somebody who has never been there."),
    user("Write a polite e-mail that asks a colleague for the report of last week."),
    user("What is the greatest common divisor, and how is it computed?"),
    user("Tell me about the French Revolution."),
    user("Explain the difference between TCP and UDP."),
    user("Was ist ein Kamin, und wozu dient er? Bitte antworte ausführlich."),
    user("Tell a story whose hero is named \u201cZoë Müller-Łukasiewicz\u201d, who lives in Kraków."),
    user("Continue: 1, 1, 2, 3, 5, 8, 13, 21, 34, and explain the rule behind these numbers."),
    user("Write HTML for a page with a heading, a list of three links and a form."),
    user("\u706b\u306f\u6696\u304b\u3044\u3067\u3059\u304b\uff1f Please answer in English, in detail. \U0001f525"),
    system("You are a ship's cook of the eighteenth century. Stay in character.", "What is for supper today?"),
    system("Answer in numbered steps.", "How do I plant a tree?"),
    system(
        "You are a patient teacher of mathematics.",
        "What is a fraction?",
        "A fraction is a part of a whole, such as one half.",
        "Please write a long lesson about it, with many examples.",
    ),
    user(
        "Name a large animal.",
        "The blue whale.",
        "Write a long poem about it.",
    ),
    user(
        "Summarise the following text in a few sentences.\n\nAn inglenook is a recess beside a large open fireplace. It was the "
        "warm place of the house: people sat there to cook, to mend, to talk and to keep warm. In many old houses the recess "
        "is as wide as a small room, with a bench on either side of the fire. When stoves replaced open fires the inglenook "
        "lost its purpose, and many were walled up. Architects of the Arts and Crafts movement built it anew, this time for "
        "comfort and for its look."
    ),
    user("Fix the spelling, and explain what was wrong:\n\n    teh   qick brwon fox\tjumps ovr teh lazzy dog!!!\n"),
]

COMPLETIONS = [
    "The capital of France is",
    "Once upon a time, in a house with a very large fireplace,",
    "def fibonacci(n):\n    ",
]
"""For models without a template."""
