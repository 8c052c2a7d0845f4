// The peers' model folder, made from the same weights.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BENCH, CACHE, PEER_MODELS, WEIGHTS } from "../paths.mjs";

/** What the export needs: modules, and the packages that have them. */
export const TORCH = { imports: "torch, onnx", pip: ["torch==2.15.0", "numpy", "onnx==1.23.2"] };
/** The same with the quantiser. */
const QUANTISER = {
  imports: "torch, onnx, onnxruntime",
  pip: [...TORCH.pip, "onnxruntime==1.32.0"],
};

/**
 * Makes the peers' model folder from the same weights: model.onnx, and for `q8` model_quantized.onnx, tokenizer and
 * configuration. Returns null, or the reason why the peers cannot run.
 */
export function preparePeers(model, dtype) {
  const source = join(WEIGHTS, model);
  const target = join(PEER_MODELS, model);
  mkdirSync(join(target, "onnx"), { recursive: true });
  for (const name of ["config.json", "tokenizer.json"]) copyFileSync(join(source, name), join(target, name));
  writeFileSync(join(target, "tokenizer_config.json"), JSON.stringify({ tokenizer_class: "BertTokenizer" }));
  const file = (name) => join(target, "onnx", name);
  if (dtype !== "q8") return exportOnnx(source, [file("model.onnx")], TORCH);
  return exportOnnx(source, [file("model.onnx"), file("model_quantized.onnx")], QUANTISER);
}

export function exportOnnx(source, outputs, packages) {
  const script = join(BENCH, "embed/export_onnx.py");
  const wanted = fingerprint([script, join(source, "model.safetensors")]);
  const stamp = (output) => `${output}.stamp`;
  const isCurrent = (output) =>
    existsSync(output) && existsSync(stamp(output)) && readFileSync(stamp(output), "utf8") === wanted;
  if (outputs.every(isCurrent)) return null;
  const python = pythonWith(packages);
  if (!python) return "the peers' ONNX file is made with torch, which could not be installed: set PYTHON";
  console.error("bench: exporting the ONNX file for the peers (once)");
  const parts = outputs.map((output) => `${output}.part`);
  const run = spawnSync(python, [script, source, ...parts], { encoding: "utf8" });
  if (run.status !== 0) return `export_onnx.py failed: ${run.stderr.trim().split("\n").at(-1)}`;
  for (const output of outputs) {
    renameSync(`${output}.part`, output);
    writeFileSync(stamp(output), wanted);
  }
  return null;
}

/** A Python that has the packages: the given one, the system's, or one of our own that is made here. */
function pythonWith({ imports, pip: names }) {
  const own = join(CACHE, "python/bin/python");
  const candidates = [process.env.PYTHON, "python3", own];
  const found = candidates.find(
    (python) => python && spawnSync(python, ["-c", `import ${imports}`]).status === 0,
  );
  if (found || process.env.PYTHON) return found;
  console.error("bench: installing torch for the peers' ONNX file (about 3 GB, once)");
  const inherit = { stdio: ["ignore", "inherit", "inherit"] };
  spawnSync("python3", ["-m", "venv", join(CACHE, "python")], inherit);
  const pip = spawnSync(own, ["-m", "pip", "install", "--quiet", ...names], inherit);
  return pip.status === 0 ? own : undefined;
}

function fingerprint(files) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex");
}
