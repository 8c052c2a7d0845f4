import { InglenookError } from "../errors.js";
import { Lanes, SPAN, type Span, spansOf } from "./lanes.js";
import type { StoredRecord } from "./opfs.js";
import { persistently, TransientError } from "./persist.js";
import { digestOf, PIECE, PieceHash } from "./pieces.js";
import { incomplete, verify } from "./pour.js";
import { pump } from "./pump.js";
import { Rate } from "./rate.js";
import { AnewError, type Answer, Remote } from "./remote.js";
import type { Slot, StoredPiece } from "./slot.js";
import { storeError } from "./store-error.js";
import { usedBy } from "./touch.js";
import type { FileSink, OnFileProgress, Wanted } from "./wanted.js";

/**
 * One file on its way into a sink, piece by piece and in order: from the store where that has a piece, else from its
 * host, and then into the store as well. A store that fails is done without from then on.
 */
export class Delivery {
  readonly #wanted: Wanted;
  readonly #sink: FileSink;
  readonly #onProgress: OnFileProgress;
  readonly #remote: Remote;
  #slot: Slot | undefined;
  /** The pieces that came from the host since the file was begun. */
  readonly #arrived = new Set<number>();
  readonly #rate = new Rate();
  #received = 0;
  #fetched = 0;
  #notStored: ReturnType<typeof storeError> | undefined;
  #total: number | undefined;
  #hash: PieceHash | undefined;
  #opened = false;
  #begun = false;
  /** The first piece that the sink has not. */
  #next = 0;

  constructor(wanted: Wanted, sink: FileSink, slot: Slot | undefined, onProgress: OnFileProgress) {
    this.#wanted = wanted;
    this.#sink = sink;
    this.#slot = slot;
    this.#onProgress = onProgress;
    this.#remote = new Remote(wanted, slot !== undefined);
    if (!slot) this.#notStored = storeError(undefined, wanted.path);
  }

  /** Fills the sink, from the beginning of the file. */
  async run(): Promise<void> {
    this.#hash = PieceHash.start();
    await this.#resume();
    if (this.#total !== undefined) this.#open(this.#total);
    while (!this.#isOver) {
      const stored = await this.#slot?.read(this.#next);
      if (stored) this.#takeStored(stored);
      else await this.#fetch();
    }
    await this.#finish();
  }

  /** Why the file has to be begun anew after `error`; `undefined` when that would not help. */
  reasonToStartAnew(error: unknown): AnewError | undefined {
    if (error instanceof AnewError) return error;
    const { code, message, detail } = Object(error) as Partial<InglenookError>;
    // A piece that the store has kept since another day may be one of another version.
    if (code !== "hash-mismatch" || this.#arrived.size * PIECE >= (this.#total ?? 0)) return undefined;
    return new AnewError(new InglenookError(code, `${message}`, { detail, cause: error }), { inParts: true });
  }

  async startAnew(reason: AnewError): Promise<void> {
    this.#remote.startAnew(reason);
    await this.#keep((slot) => slot.discard());
    this.#arrived.clear();
    this.#opened = this.#begun = false;
    this.#received = this.#next = 0;
  }

  /** Leaves what has come for another try, unless `error` says that it is wrong. */
  async giveUp(error: unknown): Promise<void> {
    const { code } = Object(error) as Partial<InglenookError>;
    const isWrong = error instanceof AnewError || code === "hash-mismatch" || code === "size-mismatch";
    if (isWrong) await this.#keep((slot) => slot.discard());
  }

  close(): void {
    this.#slot?.close();
    this.#slot = undefined;
  }

  get #isOver(): boolean {
    return this.#total !== undefined && this.#next * PIECE >= this.#total;
  }

  /** Goes on from what the store has, if that may be a part of the file. */
  async #resume(): Promise<void> {
    const { bytes, sha256 } = this.#wanted;
    const record = this.#slot?.record;
    const fits = record && record.bytes > 0 && record.bytes === (bytes ?? record.bytes);
    const isSure = sha256 !== undefined || record?.validator !== undefined || record?.complete;
    if (record && !(fits && isSure)) await this.#keep((slot) => slot.discard());
    this.#total = bytes ?? this.#slot?.record?.bytes;
    this.#remote.validator = this.#slot?.record?.validator;
  }

  #open(total: number | undefined): void {
    if (this.#opened) return;
    this.#opened = true;
    const { path, sha256, piecesSha256 } = this.#wanted;
    this.#sink.open(path, total, this.#hash && piecesSha256 ? undefined : sha256);
    this.#report();
  }

  /** Fetches what is missing from the next piece on, all of it or as far as it comes in one answer. */
  async #fetch(): Promise<void> {
    const spans = this.#missing();
    const isLarge = this.#total === undefined || spans.length > 1;
    if (this.#slot?.keepsPieces && isLarge && this.#remote.inParts) return this.#fetchInLanes(spans[0]);
    await this.#fetchSpan(this.#slot?.keepsPieces && spans[0] ? spans[0] : this.#rest, { take: true });
  }

  get #rest(): Span {
    return { from: this.#next, to: Number.POSITIVE_INFINITY };
  }

  #missing(): Span[] {
    const pieces = Math.ceil((this.#total ?? 0) / PIECE);
    return spansOf(this.#next, pieces, (piece) => this.#slot?.has(piece) ?? false);
  }

  /** Has several spans come at the same time into the store, if the host gives parts, and takes them from there. */
  async #fetchInLanes(first: Span = { from: this.#next, to: this.#next + SPAN }): Promise<void> {
    let answer: Answer | undefined = await persistently(
      () => this.#ask(first),
      () => 0,
    );
    await this.#begin(answer);
    if (!answer.partial) return this.#fetchSpan(this.#rest, { take: true, answer });
    if (!this.#slot) return this.#fetchSpan(first, { take: true, answer });
    if (this.#total === undefined || !this.#remote.fits) {
      throw new AnewError(incomplete(this.#wanted, 0), { inParts: false });
    }
    const lanes: Lanes = new Lanes(this.#missing(), (span, signal) => {
      const begun = answer;
      answer = undefined;
      return this.#fetchSpan(span, { answer: begun, signal, onPiece: () => lanes.notify() });
    });
    try {
      while (!this.#isOver && this.#slot) {
        const stored = await this.#slot.read(this.#next);
        if (stored) this.#takeStored(stored);
        else if (!(await lanes.next())) break;
      }
    } catch (error) {
      if (!(error instanceof StoreLost)) throw error;
    } finally {
      await lanes.end();
    }
    if (!this.#slot) this.#received = this.#next * PIECE;
  }

  #ask({ from, to }: Span, signal?: AbortSignal): Promise<Answer> {
    const end = to * PIECE;
    const isRest = end >= (this.#total ?? Number.POSITIVE_INFINITY);
    return this.#remote.ask(from * PIECE, isRest ? undefined : end, this.#total, signal);
  }

  /** Fetches a span into the store and, if it is to `take` it, into the sink. The whole file may come in its place. */
  async #fetchSpan(span: Span, { take, answer: begun, signal, onPiece }: FetchOptions): Promise<void> {
    let next = span.from;
    let first = begun;
    const fetchOn = async () => {
      const { body, partial, total } = first ?? (await this.#ask({ from: next, to: span.to }, signal));
      first = undefined;
      await this.#begin({ total });
      const end = partial ? Math.min(span.to * PIECE, this.#total ?? Number.POSITIVE_INFINITY) : this.#total;
      const at = await pump(body, {
        wanted: this.#wanted,
        from: next * PIECE,
        end,
        onBytes: (bytes) => this.#count(bytes),
        onPiece: async (piece, bytes) => {
          await this.#arrive(piece, bytes, take);
          next = piece + 1;
          onPiece?.();
        },
      });
      this.#total ??= at;
      if (at >= (end ?? at)) return;
      const { message, detail } = incomplete(this.#wanted, at);
      // A host that announced no more than that has no more.
      const kind = !partial && total === at ? InglenookError : TransientError;
      throw new kind("incomplete-download", message, { detail });
    };
    await persistently(fetchOn, () => next, signal);
  }

  /** What has to be done when the first answer is there. */
  async #begin({ total }: { total: number | undefined }): Promise<void> {
    this.#total ??= total;
    this.#open(this.#total);
    if (this.#begun) return;
    this.#begun = true;
    if (!this.#slot?.record) await this.#keep((slot) => slot.begin(this.#recordOf({ complete: false })));
  }

  #recordOf({ complete }: { complete: boolean }): StoredRecord {
    const { owner } = this.#wanted;
    const bytes = this.#total ?? 0;
    const record = { bytes, complete, validator: this.#remote.validator };
    return usedBy({ ...this.#slot?.record, ...record }, { name: owner.name, bytes: owner.bytes ?? bytes });
  }

  /** Keeps a piece that came from the host, and hands it on if it is its turn. */
  async #arrive(piece: number, bytes: Uint8Array, take: boolean | undefined): Promise<void> {
    const digest = this.#hash && (await digestOf(bytes as BufferSource));
    await this.#keep((slot) => slot.write(piece, bytes, digest ?? new Uint8Array()));
    this.#arrived.add(piece);
    if (take) this.#take(bytes, digest);
    else if (!this.#slot) throw new StoreLost();
  }

  #takeStored({ bytes, digest }: StoredPiece): void {
    if (!this.#arrived.has(this.#next)) this.#received += bytes.length;
    this.#take(bytes, digest);
    this.#report();
  }

  #take(bytes: Uint8Array, digest: Uint8Array | undefined): void {
    if (digest) this.#hash?.add(digest);
    this.#sink.push(bytes);
    this.#next++;
  }

  async #finish(): Promise<void> {
    this.#open(this.#total);
    if (this.#hash && this.#wanted.piecesSha256) await verify(this.#wanted, this.#hash);
    this.#sink.close();
    await this.#keep((slot) => slot.commit(this.#recordOf({ complete: true })));
    this.#report();
  }

  /** Does something with the store, if there is one. One that fails is given up, with what it has of the file. */
  async #keep(work: (slot: Slot) => Promise<void>): Promise<void> {
    const slot = this.#slot;
    if (!slot) return;
    try {
      await work(slot);
    } catch (error) {
      if (this.#slot !== slot) return;
      this.#slot = undefined;
      this.#notStored = storeError(error, this.#wanted.path);
      await slot.discard().catch(() => {});
      slot.close();
    }
  }

  #count(bytes: number): void {
    this.#received += bytes;
    if (bytes > 0) {
      this.#fetched += bytes;
      this.#rate.add(bytes);
      this.#report();
    }
  }

  #report(): void {
    this.#onProgress({
      received: this.#received,
      fetched: this.#fetched,
      total: this.#total,
      perSecond: this.#rate.perSecond,
      notStored: this.#notStored,
    });
  }
}

interface FetchOptions {
  /** Whether the pieces come in the sink's order, and go there. */
  take?: boolean;
  /** The answer, where the host has been asked already. */
  answer?: Answer | undefined;
  signal?: AbortSignal;
  onPiece?: () => void;
}

/** The store was lost, and with it pieces that the sink has not. */
class StoreLost extends Error {}
