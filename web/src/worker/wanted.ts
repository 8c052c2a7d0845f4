import type { ErrorRecord } from "../errors.js";
import type { ModelFile } from "../manifest.js";

/**
 * Where the bytes go: in order, file by file. `close` throws unless length and hash are those it was told; an empty hash is one
 * that is not known and shall be found out.
 */
export interface FileSink {
  open(path: string, bytes: number | undefined, sha256: string | undefined): void;
  push(chunk: Uint8Array): void;
  close(): void;
}

/** A file, as far as it is known. */
export type ExpectedFile = Pick<ModelFile, "path"> & Partial<ModelFile>;

/** A file that is to be read, from the store or from its address. */
export interface Wanted extends ExpectedFile {
  url: string;
  /** What it is called in the store. */
  entry: string;
  /** The model that it is read for; of one that is known by its address alone, without a length. */
  owner: { name: string; bytes: number | undefined };
}

/** How far the reading of a file is. */
export interface FileProgress {
  /** Bytes that are here. */
  received: number;
  /** Bytes that have come over the network for it. */
  fetched: number;
  /** The length of the file, where nobody has said it before. */
  total?: number | undefined;
  /** Bytes a second that come over the network, of late. */
  perSecond?: number | undefined;
  /** Why the file is not kept. */
  notStored?: ErrorRecord | undefined;
}

export type OnFileProgress = (progress: FileProgress) => void;
