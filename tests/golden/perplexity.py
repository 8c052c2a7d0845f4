"""How likely a chat model finds a text, by llama.cpp and by transformers in float32 on the same values.

    .venv/bin/python tests/golden/perplexity.py smollm2-135m-instruct PATH.gguf

Writes perplexity/<id>.json. The token ids are cut into pieces of `PIECE`, the last one shorter; each piece is computed alone,
from an empty cache, and every token but its first is predicted from those before it.
"""

import argparse
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import torch
from decoder_reference import open_exact, open_in_llama_cpp

OUT = Path(__file__).parent / "perplexity"
PIECE = 512


def log_probability(logits: np.ndarray, ids: list[int]) -> float:
    """The natural logarithm of the probability of ids[1:], each by the row of logits before it."""
    rows = torch.from_numpy(logits[:-1]).double().log_softmax(-1)
    return float(rows.gather(1, torch.tensor(ids[1:])[:, None]).sum())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("id")
    parser.add_argument("model", type=Path)
    arguments = parser.parse_args()
    model = open_in_llama_cpp(arguments.model, PIECE, every_position=True)
    exact = open_exact(arguments.model)
    ids = model.tokenize((OUT / "text.txt").read_bytes(), add_bos=False)
    pieces = [ids[i : i + PIECE] for i in range(0, len(ids), PIECE)]
    found = {"llama.cpp": [], "exact": []}
    for piece in pieces:
        model.reset()
        model.eval(piece)
        found["llama.cpp"].append(log_probability(np.array(model.scores[: len(piece)], dtype=np.float32), piece))
        with torch.no_grad():
            found["exact"].append(log_probability(exact(torch.tensor([piece])).logits[0].numpy(), piece))
        print({key: round(rows[-1], 3) for key, rows in found.items()}, flush=True)
    predicted = sum(len(piece) - 1 for piece in pieces)
    result = {
        "sha256": hashlib.sha256(arguments.model.read_bytes()).hexdigest(),
        "piece": PIECE,
        "predicted": predicted,
        "logProbabilities": {key: [round(x, 4) for x in rows] for key, rows in found.items()},
        "perplexities": {key: round(math.exp(-sum(rows) / predicted), 5) for key, rows in found.items()},
        "ids": ids,
    }
    rows = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in result.items())
    (OUT / f"{arguments.id}.json").write_text(f"{{\n{rows}\n}}\n")
    print(len(ids), result["perplexities"])


if __name__ == "__main__":
    main()
