"""Model signatures by OpenSSF's tool `model_signing`, and its word on those that `inglenook sign` makes.

    signatures.py            signs a copy of tiny-bert-cls with keys on three curves, and throws the private keys away
    signatures.py --check    has the tool verify what `inglenook sign` makes; needs a build
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from model_signing import signing, verifying

GOLDEN = Path(__file__).parent
MODEL = GOLDEN / "tiny-bert-cls"
FILES = [
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "tokenizer.json",
    "model.safetensors",
    "model-q8_0.gguf",
]
CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}


def copy_model(folder: Path) -> Path:
    model = folder / "tiny-bert-cls"
    for name in FILES:
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(MODEL / name, model / name)
    return model


def write_keys(folder: Path, curve: ec.EllipticCurve) -> tuple[Path, Path]:
    key = ec.generate_private_key(curve)
    private, public = folder / "private.pem", folder / "public.pem"
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(pem, spki))
    return private, public


def sign_goldens(folder: Path) -> None:
    model = copy_model(folder)
    for name, curve in CURVES.items():
        private, public = write_keys(folder, curve)
        out = GOLDEN / "signatures" / f"{name}.sig"
        signing.Config().use_elliptic_key_signer(private_key=private).sign(model, out)
        shutil.copy(public, out.with_suffix(".pem"))


def check_ours(folder: Path) -> None:
    model = copy_model(folder)
    command = GOLDEN.parent.parent / "web" / "dist" / "cli.js"
    for name, curve in CURVES.items():
        private, public = write_keys(folder, curve)
        subprocess.run(["node", command, "sign", model, "--key", private], check=True)
        verifier = verifying.Config().use_elliptic_key_verifier(public_key=public)
        verifier.verify(model, model / "model.sig")
        config = model / "config.json"
        right = config.read_bytes()
        config.write_bytes(right + b" ")
        try:
            verifier.verify(model, model / "model.sig")
            sys.exit("A changed file was accepted.")
        except ValueError:
            config.write_bytes(right)
        print(f"{name}: accepted, and refused with a changed file")


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--check", action="store_true")
arguments = parser.parse_args()
with tempfile.TemporaryDirectory() as scratch:
    (check_ours if arguments.check else sign_goldens)(Path(scratch))
