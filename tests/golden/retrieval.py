"""A small retrieval set and how the reference model ranks it.

    .venv/bin/python tests/golden/retrieval.py --model models/weights/all-minilm-l6-v2

Needs what embeddings.py needs. Writes retrieval.json: passages, and for each query its five best passages with their
cosine similarities. Prints the smallest gap between neighbours in a ranking: a test of an implementation whose scores are
off by more than half of it may see two neighbours swapped.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from reference import encode_alone, load

OUT = Path(__file__).parent / "retrieval.json"
TOP = 5

PASSAGES = [
    "Knead the dough for ten minutes, let it rise under a cloth for an hour, and bake it until the crust sounds hollow.",
    "Simmer the lentils with cumin, garlic and tomatoes, and finish the soup with lemon juice and fresh coriander.",
    "Whisk egg yolks with sugar over warm water until pale, then fold in mascarpone and chill overnight.",
    "Cast-iron pans should be dried at once and rubbed with a thin film of oil, or they will rust.",
    "Green tea turns bitter when the water is boiling; let the kettle cool to eighty degrees first.",
    "Tomato seedlings are planted out after the last frost, buried up to their first leaves, and tied to a stake.",
    "Compost needs a balance of green scraps and brown leaves, some water, and turning every few weeks.",
    "Bees visit lavender from June to August, and a single colony may fly over a thousand square kilometres in a season.",
    "Prune apple trees in late winter, removing crossing branches so that light reaches the middle of the crown.",
    "The heart pumps about five litres of blood a minute through the lungs and around the body.",
    "Adults need seven to nine hours of sleep; too little weakens memory, mood and the immune system.",
    "A sprained ankle is rested, cooled with ice, wrapped with a bandage and kept raised.",
    "Vaccines show the immune system a harmless part of a germ, so that it can answer quickly to the real one.",
    "Regular stretching after running keeps the calf muscles supple and helps to prevent cramp.",
    "To change a flat bicycle tyre, lever the tyre off the rim, replace the inner tube, and pump it up again.",
    "An electric car charges fastest between ten and eighty per cent; the last fifth takes as long as the first half.",
    "The night train leaves the capital at ten in the evening and reaches the coast at seven in the morning.",
    "Hand luggage may hold liquids only in bottles of up to one hundred millilitres, packed in a clear bag.",
    "A passport must be renewed before it expires; bring two photographs and the old document to the office.",
    "The tenant gives notice in writing three months before the end of the lease and leaves the flat swept clean.",
    "Your deposit is returned within six weeks of moving out, less the cost of any damage.",
    "Income tax returns are due by the end of July; keep receipts for anything that you want to deduct.",
    "Compound interest means that you earn interest on earlier interest, so savings grow faster every year.",
    "An invoice states the date, a number, the goods or services, the amount, the tax and the time to pay.",
    "If you have forgotten your password, click the link below the login form and follow the message that we send you.",
    "Turn on two-factor authentication, so that a stolen password alone does not open your account.",
    "A backup is kept in three copies on two kinds of media, with one of them in another building.",
    "The garbage collector frees memory that no variable can reach, at the price of short pauses.",
    "A database index makes lookups quick and writes slower, because it must be updated with every change.",
    "WebAssembly runs compiled code in the browser at nearly native speed, inside the sandbox of the page.",
    "The Moon always shows us the same face, because it turns once on its axis in the time of one orbit.",
    "Jupiter is the largest planet of the solar system; its red spot is a storm wider than the Earth.",
    "Rain forms when droplets in a cloud collide and grow until they are too heavy for the rising air to hold.",
    "Earthquakes happen where plates of the Earth's crust stick at a fault and then slip all at once.",
    "The printing press with movable type made books cheap and spread new ideas across Europe within decades.",
    "Roman aqueducts carried water to the cities by gravity alone, over bridges and through tunnels.",
    "The violin has four strings tuned in fifths and is played with a bow of horsehair.",
    "In chess the king may castle only if neither it nor the rook has moved and no square between them is attacked.",
    "Penguins keep warm in the polar winter by huddling and taking turns on the outside of the group.",
    "Cats sleep for up to sixteen hours a day and are most active at dawn and dusk.",
]

QUERIES = [
    "how to bake bread at home",
    "I can't log in to my account",
    "what is the biggest planet",
    "when do I get my rental deposit back",
    "looking after a skillet so that it does not rust",
    "how much rest does a person need at night",
    "deadline for filing taxes",
    "insects that pollinate flowers",
    "fixing a puncture on my bike",
    "how does automatic memory management work",
    "why does money in a bank account grow",
    "carrying shampoo on an aeroplane",
    "what causes the ground to shake",
    "musical instruments with strings",
    "a pet that naps all day",
    "running fast code on a web page",
]


def ranking(scores: np.ndarray) -> list[dict]:
    best = np.argsort(-scores, kind="stable")[:TOP]
    return [{"index": int(i), "score": round(float(scores[i]), 6)} for i in best]


def smallest_gap(scores: np.ndarray) -> float:
    """Between neighbours among the best TOP + 1 of any query."""
    best = -np.sort(-scores, axis=1)[:, : TOP + 1]
    return float((best[:, :-1] - best[:, 1:]).min())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="directory of the model, as models/fetch.mjs leaves it")
    model = load(parser.parse_args().model)
    torch.set_num_threads(1)
    scores = encode_alone(model, QUERIES) @ encode_alone(model, PASSAGES).T
    queries = [{"text": text, "top": ranking(row)} for text, row in zip(QUERIES, scores)]
    OUT.write_text(json.dumps({"passages": PASSAGES, "queries": queries}, indent=2) + "\n")
    print(f"{len(PASSAGES)} passages, {len(QUERIES)} queries, smallest gap {smallest_gap(scores):.1e}")
    for query in queries:
        print(f"{query['top'][0]['score']:.3f} {query['text']!r} -> {PASSAGES[query['top'][0]['index']]!r}")


if __name__ == "__main__":
    main()
