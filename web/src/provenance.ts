import type { ModelFile } from "./manifest.js";
import type { DeviceKind, EmbedderDtype, Fallback } from "./worker/protocol.js";

/**
 * What an output came from: plain data, frozen, that JSON can hold. What is not known is `null`. After a move from the GPU to
 * the CPU there is another one.
 */
export interface Provenance {
  /** The model's name: its manifest's, or its file's. */
  readonly model: string;
  /** Where its files are asked for: the address of its folder or file; `null` for a file from the user's disk. */
  readonly address: string | null;
  /** Every file that was read, and is what its hash says. */
  readonly files: readonly Readonly<ModelFile>[];
  /** The signature that was verified; `null` where no key was pinned. */
  readonly signature: ProvenanceSignature | null;
  /** The type that most numbers of the weights' file are stored in, as the file spells it: `"Q4_1"`, `"F32"`. */
  readonly quantisation: string | null;
  /** What weights of that type are multiplied in on this device. */
  readonly dtype: EmbedderDtype;
  /** The code that computes. */
  readonly build: ProvenanceBuild;
  /** What it computes on. */
  readonly device: ProvenanceDevice;
  /** Why it is not the GPU, as in the session's `fallback`. */
  readonly fallback: Fallback | null;
}

/** Who vouches for a model. */
export interface ProvenanceSignature {
  /** The SHA-256 of the public key's PEM text, in lower-case hexadecimal: the `hint` of an OpenSSF model signature. */
  readonly key: string;
  /** Of the key. */
  readonly algorithm: "Ed25519" | "P-256" | "P-384" | "P-521";
}

/** A build of this package. */
export interface ProvenanceBuild {
  /** Of the package. */
  readonly version: string;
  /** The commit that its scripts were built from; `null` where the files were no commit's. */
  readonly commit: string | null;
  /** The name of the wasm file in the package. */
  readonly wasm: string;
  /**
   * The SHA-256 of the wasm file as the browser has it, in lower-case hexadecimal: those that `provenance.json` in the package names
   * are what was published. `null` where the page has no secure context, and therefore no means to hash.
   */
  readonly wasmSha256: string | null;
}

/** A device as the browser describes it. */
export interface ProvenanceDevice {
  /** Where the model runs. */
  readonly kind: DeviceKind;
  /** Threads that were started to compute, or to give a GPU its commands. */
  readonly threads: number;
  /** Whether the build uses relaxed SIMD. */
  readonly relaxedSimd: boolean;
  /** `null` on the CPU. */
  readonly adapter: ProvenanceAdapter | null;
}

/** A GPU, as far as the browser tells, which is little in most. */
export interface ProvenanceAdapter {
  /** `GPUAdapterInfo.vendor`. */
  readonly vendor: string | null;
  /** `GPUAdapterInfo.architecture`. */
  readonly architecture: string | null;
  /** `GPUAdapterInfo.device`. */
  readonly device: string | null;
  /** `GPUAdapterInfo.description`. */
  readonly description: string | null;
}
