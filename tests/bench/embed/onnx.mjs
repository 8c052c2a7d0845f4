// The peers' model folder, made from the same weights.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BENCH, CACHE, PEER_MODELS, WEIGHTS } from "../paths.mjs";

/**
 * Makes the peers' model folder from the same weights: model.onnx, tokenizer and configuration.
 * Returns null, or the reason why the peers cannot run.
 */
export function preparePeers(model) {
  const source = join(WEIGHTS, model);
  const target = join(PEER_MODELS, model);
  mkdirSync(join(target, "onnx"), { recursive: true });
  for (const name of ["config.json", "tokenizer.json"]) copyFileSync(join(source, name), join(target, name));
  writeFileSync(join(target, "tokenizer_config.json"), JSON.stringify({ tokenizer_class: "BertTokenizer" }));
  return exportOnnx(source, join(target, "onnx/model.onnx"));
}

function exportOnnx(source, output) {
  const script = join(BENCH, "embed/export_onnx.py");
  const stamp = `${output}.stamp`;
  const wanted = fingerprint([script, join(source, "model.safetensors")]);
  if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return null;
  const python = pythonWithTorch();
  if (!python) return "the peers' ONNX file is made with torch, which could not be installed: set PYTHON";
  console.error("bench: exporting the ONNX file for the peers (once)");
  const run = spawnSync(python, [script, source, `${output}.part`], { encoding: "utf8" });
  if (run.status !== 0) return `export_onnx.py failed: ${run.stderr.trim().split("\n").at(-1)}`;
  renameSync(`${output}.part`, output);
  writeFileSync(stamp, wanted);
  return null;
}

/** A Python that has torch: the given one, the system's, or one of our own that is made here. */
function pythonWithTorch() {
  const own = join(CACHE, "python/bin/python");
  const candidates = [process.env.PYTHON, "python3", own];
  const found = candidates.find((python) => python && spawnSync(python, ["-c", "import torch"]).status === 0);
  if (found || process.env.PYTHON) return found;
  console.error("bench: installing torch for the peers' ONNX file (about 3 GB, once)");
  const inherit = { stdio: ["ignore", "inherit", "inherit"] };
  spawnSync("python3", ["-m", "venv", join(CACHE, "python")], inherit);
  const pip = spawnSync(own, ["-m", "pip", "install", "--quiet", "torch==2.15.0", "numpy"], inherit);
  return pip.status === 0 ? own : undefined;
}

function fingerprint(files) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex");
}
