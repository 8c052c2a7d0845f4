import type { Provenance } from "inglenook";
import type { Loadable, Model } from "../work/model";
import { copy } from "./copy";
import { byId, el } from "./dom";
import { formatBytes, formatCount } from "./format";

/** What ran: the model, the code and the device that results come from, to read and to take along. */
export class ProvenanceView {
  #drawn: Provenance | undefined;

  constructor(readonly model: Model<Loadable>) {
    const button = byId("copy-provenance");
    const label = button.textContent ?? "";
    button.hidden = navigator.clipboard === undefined;
    button.addEventListener("click", () => void copy(JSON.stringify(this.#drawn, null, 2), button, label));
    model.addEventListener("change", () => this.#draw());
    this.#draw();
  }

  #draw(): void {
    const provenance = this.model.current?.provenance;
    byId("what-ran").hidden = provenance === undefined;
    if (provenance === undefined || provenance === this.#drawn) return;
    this.#drawn = provenance;
    const rows = entriesOf(provenance).map(([term, ...lines]) =>
      el("div", {}, el("dt", {}, term), ...lines.map((line) => el("dd", {}, line))),
    );
    byId("provenance").replaceChildren(...rows);
  }
}

/** What there is to say, in words: a term, and one line or more. */
export function entriesOf(provenance: Provenance): [term: string, ...lines: string[]][] {
  const { model, files, address, signature, build } = provenance;
  return [
    ["Model", model, address ?? "a file from your disk"],
    ...files.map(({ path, bytes, sha256 }): [string, ...string[]] => [
      "File",
      `${path}, ${formatBytes(bytes)}`,
      `SHA-256 ${sha256}`,
    ]),
    ["Signature", signature ? `${signature.algorithm} key ${signature.key}` : "none was asked for"],
    ["Weights", describeWeights(provenance)],
    ["Code", `Inglenook ${build.version}, commit ${build.commit ?? "not known"}`],
    ["Wasm", build.wasm, build.wasmSha256 ? `SHA-256 ${build.wasmSha256}` : "not hashed on this page"],
    ["Device", describeDevice(provenance)],
  ];
}

function describeWeights({ quantisation, dtype }: Provenance): string {
  const computed = dtype === "q8" ? "in eight bits" : "in f32";
  return quantisation ? `mostly ${quantisation}, multiplied ${computed}` : `multiplied ${computed}`;
}

function describeDevice({ device: { kind, threads, relaxedSimd, adapter } }: Provenance): string {
  if (kind === "cpu") return `CPU, ${formatCount(threads, "thread")}${relaxedSimd ? ", relaxed SIMD" : ""}`;
  const told = Object.values(adapter ?? {}).filter((word) => word !== null);
  return told.length > 0 ? `WebGPU: ${told.join(", ")}` : "WebGPU; the browser does not say which";
}
