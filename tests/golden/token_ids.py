"""Token ids of the texts in token_texts.py, by Hugging Face's tokenizers, from the vocabularies in GGUF files.

For SentencePiece vocabularies the original library has the last word. Beside making the goldens it prints where the
others, llama.cpp among them, give other ids.
"""

import argparse
import json
from itertools import groupby
from pathlib import Path

import sentencepiece
import tokenizers
import transformers
from gguf import GGUFReader
from golden_files import write_texts
from llama_cpp import Llama
from sentencepiece import sentencepiece_model_pb2
from texts import expand
from token_texts import entries
from tokenizers import AddedToken, Tokenizer, pre_tokenizers

transformers.logging.set_verbosity_error()
HERE = Path(__file__).parent / "token-ids"

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)


class Vocabulary:
    """What a GGUF file says of its tokens."""

    def __init__(self, path: Path) -> None:
        fields = GGUFReader(path).fields
        self.path = path
        self.read = lambda name: fields[f"tokenizer.ggml.{name}"].contents()
        self.tokens, self.types = self.read("tokens"), self.read("token_type")

    def is_sentencepiece(self) -> bool:
        return self.read("model") == "llama"


def hugging_face(vocabulary: Vocabulary) -> Tokenizer:
    """The fast tokenizer that transformers makes of the file, with what the file does not tell put right."""
    made = transformers.AutoTokenizer.from_pretrained(vocabulary.path.parent, gguf_file=vocabulary.path.name)
    definition = json.loads(made.backend_tokenizer.to_str())
    definition["added_tokens"] = []
    if not vocabulary.is_sentencepiece() and vocabulary.read("pre") == "smollm":
        # As in SmolLM2's own tokenizer.json; transformers takes GPT-2's for every file of this kind.
        digits = {"type": "Digits", "individual_digits": True}
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        definition["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [digits, byte_level]}
    tokenizer = Tokenizer.from_str(json.dumps(definition))
    kinds = zip(vocabulary.tokens, vocabulary.types)
    for token, kind in kinds:
        if kind in (CONTROL, UNKNOWN):
            tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True)])
        # Spaces in tokens are SentencePiece's, which the normaliser makes; the raw text does not have them.
        elif kind == USER_DEFINED and not (vocabulary.is_sentencepiece() and token.strip(" ") == ""):
            tokenizer.add_tokens([AddedToken(token, normalized=False, special=False)])
    return tokenizer


def original_sentencepiece(vocabulary: Vocabulary) -> sentencepiece.SentencePieceProcessor:
    """The library's own processor, from the scores and types in the file."""
    proto = sentencepiece_model_pb2.ModelProto()
    proto.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.BPE
    proto.trainer_spec.byte_fallback = True
    names = {"unk": "unknown_token_id", "bos": "bos_token_id", "eos": "eos_token_id", "pad": "padding_token_id"}
    for name, key in names.items():
        setattr(proto.trainer_spec, f"{name}_id", vocabulary.read(key))
        setattr(proto.trainer_spec, f"{name}_piece", vocabulary.tokens[vocabulary.read(key)])
    spec = proto.normalizer_spec
    spec.name, spec.add_dummy_prefix, spec.remove_extra_whitespaces, spec.escape_whitespaces = "identity", False, False, True
    for token, kind, score in zip(vocabulary.tokens, vocabulary.types, vocabulary.read("scores")):
        proto.pieces.add(piece=token.replace(" ", "\u2581"), type=kind, score=score)
    return sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())


def names_control_token(vocabulary: Vocabulary, text: str) -> bool:
    """Whether there is a control token in the text, which SentencePiece never reads there."""
    return any(kind in (CONTROL, UNKNOWN) and token in text for token, kind in zip(vocabulary.tokens, vocabulary.types))


def written(ids: list[int]) -> str:
    """`5 7*30 9`: 5, thirty times 7, 9."""
    runs = ((token, len(list(run))) for token, run in groupby(ids))
    return " ".join(str(token) if times == 1 else f"{token}*{times}" for token, times in runs)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", help="name=path of a GGUF file")
    arguments = parser.parse_args()
    HERE.mkdir(exist_ok=True)
    all_texts = [expand(entry) for entry in entries()]
    write_texts(HERE / "texts.json", entries())
    for name, path in (argument.split("=", 1) for argument in arguments.files):
        vocabulary = Vocabulary(Path(path))
        tokenizer = hugging_face(vocabulary)
        llama = Llama(path, vocab_only=True, verbose=False)
        original = original_sentencepiece(vocabulary) if vocabulary.is_sentencepiece() else None
        lines = []
        for number, text in enumerate(all_texts):
            rows = []
            for parse in (True, False):
                tokenizer.encode_special_tokens = not parse
                ids = tokenizer.encode(text, add_special_tokens=False).ids
                if original and (own := original.encode(text)) != ids and not names_control_token(vocabulary, text):
                    print(name, number, f"parse={parse} {text[:40]!r} Hugging Face {written(ids)[:80]} not {written(own)[:80]}")
                    ids = own
                rows.append(written(ids))
                other = llama.tokenize(text.encode(), add_bos=False, special=parse)
                if other != ids:
                    print(name, number, f"parse={parse} {text[:40]!r} llama.cpp {written(other)[:80]} not {written(ids)[:80]}")
            lines.append(rows[0] if rows[0] == rows[1] else " | ".join(rows))
        (HERE / f"{name}.txt").write_text("\n".join(lines) + "\n")
        print(name, len(lines), "texts", len(set(lines)), "different")


if __name__ == "__main__":
    main()
