"""A SentencePiece vocabulary as Llama 2's: a space in front of every text, bytes for what is not in it. And the ids of the
texts in token_texts.py.

    .venv/bin/python tests/golden/spm_vocabulary.py

Writes token-ids/llama-spm.gguf, which has a vocabulary and nothing else, and token-ids/llama-spm.txt. The vocabulary is
trained on the texts themselves and on the one of the perplexity golden, so that it has pieces for most of them. The ids are
the SentencePiece library's; where a text names a control token, which the library never reads from text, they are llama.cpp's.
"""

import io
from pathlib import Path

import gguf
import sentencepiece
from llama_cpp import Llama
from sentencepiece import sentencepiece_model_pb2
from texts import expand
from token_ids import HERE, written
from token_texts import entries

NAME = "llama-spm"
SIZE = 2400
CONTROL_TOKENS = ["<unk>", "<s>", "</s>"]


def train(texts: list[str]) -> sentencepiece_model_pb2.ModelProto:
    """By the settings of Llama 2's trainer, but for the size."""
    corpus = [line for text in texts for line in text.splitlines() if line.strip() and "\0" not in line]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus),
        model_writer=model,
        model_type="bpe",
        vocab_size=SIZE,
        byte_fallback=True,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        character_coverage=0.98,
        user_defined_symbols=["[INST]", "[/INST]", "<|user|>"],
        max_sentence_length=100_000,
        num_threads=1,
        minloglevel=2,
    )
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    return proto


def write(path: Path, proto: sentencepiece_model_pb2.ModelProto) -> None:
    """As llama.cpp's converter writes it: it leaves the space in front to the default."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(NAME)
    writer.add_vocab_size(len(proto.pieces))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece.piece for piece in proto.pieces])
    writer.add_token_scores([piece.score for piece in proto.pieces])
    writer.add_token_types([piece.type for piece in proto.pieces])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    texts = [expand(entry) for entry in entries()]
    proto = train([*texts, (HERE.parent / "perplexity/text.txt").read_text()])
    path = HERE / f"{NAME}.gguf"
    write(path, proto)
    original = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    llama = Llama(str(path), vocab_only=True, verbose=False)
    lines, named = [], 0
    for number, text in enumerate(texts):
        as_text = original.encode(text)
        parsed = as_text
        if any(token in text for token in CONTROL_TOKENS):
            named += 1
            parsed = llama.tokenize(text.encode(), add_bos=False, special=True)
        for special, ids in ((True, parsed), (False, as_text)):
            other = llama.tokenize(text.encode(), add_bos=False, special=special)
            if other != ids:
                print(number, f"special={special} {text[:40]!r} llama.cpp {written(other)[:80]} not {written(ids)[:80]}")
        rows = written(parsed), written(as_text)
        lines.append(rows[0] if rows[0] == rows[1] else " | ".join(rows))
    (HERE / f"{NAME}.txt").write_text("\n".join(lines) + "\n")
    print(f"{path.stat().st_size} bytes, {len(lines)} texts, {named} with control tokens, {len(set(lines))} different")


if __name__ == "__main__":
    main()
