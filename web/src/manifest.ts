/** One file of a model, and how to know that it is the right one. */
export interface ModelFile {
  /** Relative path with forward slashes, below the model's folder on the host. */
  path: string;
  /** The exact length. */
  bytes: number;
  /** The SHA-256 of the content, 64 lower-case hexadecimal digits. */
  sha256: string;
  /**
   * The same of the SHA-256s of its pieces of 256 KiB, 32 bytes each, one after the other. Where it is given, a browser
   * checks this one, in a fraction of the time.
   */
  piecesSha256?: string | undefined;
}

/** What a model consists of. The bundled ones are in `models/manifests/`; an application may pass its own. */
export interface ModelManifest {
  /** The model's name, and its folder on the host. */
  id: string;
  /** At least one. */
  files: readonly ModelFile[];
  /** Of embedding models: tokens of a text that are read; less than the files allow, where trained on less. */
  maxTokens?: number | undefined;
  /** Of language models: tokens of prompt and answer together. */
  contextWindow?: number | undefined;
}

/** The sum of the lengths of a model's files. */
export function totalBytes({ files }: ModelManifest): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
