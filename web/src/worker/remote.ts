import { InglenookError } from "../errors.js";
import { TransientError } from "./persist.js";
import { incomplete, tooLong } from "./pour.js";
import { refused, request } from "./request.js";
import type { Wanted } from "./wanted.js";

/** What the host sends is not what it sent before, or not in parts: the file has to be fetched anew. */
export class AnewError extends Error {
  override readonly cause: InglenookError;
  /** Whether parts of the file may be asked for even so. */
  readonly inParts: boolean;

  /** `cause` is what is wrong if that does not help. */
  constructor(cause: InglenookError, { inParts }: { inParts: boolean }) {
    super(cause.message);
    this.cause = cause;
    this.inParts = inParts;
  }
}

/** An answer of the host. */
export interface Answer {
  body: ReadableStream<Uint8Array>;
  /** Whether it is the part that was asked for, and not the whole file. */
  partial: boolean;
  /** The length of the whole file, where the host says it. */
  total: number | undefined;
}

const TOO_MANY = 3;

/** A file at its host. */
export class Remote {
  /** The host's name for this version of the file, if it has one that is sure. */
  validator: string | undefined;
  readonly #wanted: Wanted;
  readonly #kept: boolean;
  #inParts = true;
  /** How often in a row a part could not be had. */
  #failures = 0;
  /** The beginning of the file, which came when a later part was asked for. */
  #held: { answer: Answer; validator: string | undefined } | undefined;

  /** `kept`: the browser's HTTP cache need not keep it, too. */
  constructor(wanted: Wanted, kept: boolean) {
    this.#wanted = wanted;
    this.#kept = kept;
  }

  /** Whether parts of the file may be asked for. */
  get inParts(): boolean {
    return this.#inParts;
  }

  /** Whether a part fetched later is sure to fit one fetched before, or will be found out by the file's hash. */
  get fits(): boolean {
    return this.#inParts && (this.#wanted.sha256 !== undefined || this.validator !== undefined);
  }

  /** Forgets what is known of the version, after `error`. */
  startAnew({ inParts }: AnewError): void {
    this.validator = undefined;
    this.#inParts &&= inParts;
  }

  /**
   * Asks for the bytes from `from` up to and without `to`, of a file of `bytes` bytes as far as that is known. The
   * answer may be the whole file if `from` is 0.
   */
  async ask(from: number, to: number | undefined, bytes?: number, signal?: AbortSignal): Promise<Answer> {
    const held = this.#held;
    this.#held = undefined;
    if (held && from === 0) {
      this.validator = held.validator;
      return held.answer;
    }
    signal?.throwIfAborted();
    if (from > 0 && !this.fits)
      throw new AnewError(incomplete(this.#wanted, from), { inParts: this.#inParts });
    const ranged = this.#inParts && (from > 0 || to !== undefined);
    const response = await (ranged
      ? this.#fetchPart(rangeOf(from, to), signal)
      : this.#fetch(undefined, signal));
    try {
      return this.#check(response, { from, to, bytes });
    } catch (error) {
      if (!this.#held) response.body?.cancel().catch(() => {});
      throw error;
    }
  }

  /** Asks for a part; where that fails again and again, sees whether the whole file can be had. */
  async #fetchPart(range: string, signal: AbortSignal | undefined): Promise<Response> {
    try {
      const response = await this.#fetch(range, signal);
      this.#failures = 0;
      return response;
    } catch (error) {
      if (!(error instanceof TransientError) || ++this.#failures < TOO_MANY) throw error;
      // A part of a compressed file is no compressed file, and the browser says no more than that it failed.
      const whole = await this.#fetch(undefined, signal);
      await whole.body?.cancel();
      throw this.#another("A part cannot be read");
    }
  }

  async #fetch(range: string | undefined, signal: AbortSignal | undefined): Promise<Response> {
    const { url } = this.#wanted;
    const headers = new Headers(range ? { Range: range } : {});
    // Another origin would have to allow this one in a request of its own; there the hash has to do.
    if (range && this.validator && isOwn(url)) headers.set("If-Range", this.validator);
    const cache = this.#kept || range ? "no-store" : "default";
    return request(url, { headers, cache }, { fetch, signal });
  }

  #check(
    response: Response,
    asked: { from: number; to: number | undefined; bytes: number | undefined },
  ): Answer {
    const { headers, status } = response;
    if (status === 416) throw this.#another("It has not the part that was asked for");
    if (!response.ok) throw refused(response, this.#wanted.url);
    if (headers.get("content-type")?.startsWith("text/html")) {
      throw new InglenookError("not-weights", "The model host answered with a web page.", {
        detail: this.#wanted.url,
      });
    }
    const validator = validatorOf(headers);
    const body = response.body ?? new Blob().stream();
    if (status !== 206) {
      const answer = { body, partial: false, total: lengthOf(headers) };
      if (answer.total !== undefined && answer.total > (this.#wanted.bytes ?? Number.POSITIVE_INFINITY)) {
        throw tooLong(this.#wanted);
      }
      // The file was changed, or the host knows no parts.
      if (asked.from > 0 || (this.validator && validator !== this.validator)) {
        this.#held = { answer, validator };
        throw new AnewError(incomplete(this.#wanted, asked.from), { inParts: true });
      }
      this.validator = validator;
      return answer;
    }
    if (this.validator && validator && validator !== this.validator) throw this.#another("It was changed");
    this.validator ??= validator;
    return { body, partial: true, total: this.#totalOfPart(headers, asked) };
  }

  #totalOfPart(
    headers: Headers,
    { from, to, bytes }: { from: number; to: number | undefined; bytes: number | undefined },
  ): number | undefined {
    if (headers.get("content-encoding")) throw this.#another("Its parts are compressed");
    const found = headers.get("content-range");
    // Another origin need not let this be read. Then the length has to be right.
    if (found === null) {
      const length = lengthOf(headers);
      const expected = (to ?? bytes ?? Number.NaN) - from;
      if (length === undefined || length === expected) return undefined;
      throw this.#another("A part has another length");
    }
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(found) ?? [];
    if (start === undefined || Number(start) !== from) throw this.#another("It sent another part");
    if (total === "*") return undefined;
    if (bytes !== undefined && Number(total) !== bytes) {
      if (this.#wanted.bytes === undefined) throw this.#another("It was changed");
      const message = `${this.#wanted.path} has ${total} bytes at its host, not ${bytes}.`;
      throw new InglenookError("size-mismatch", message, { detail: this.#wanted.path });
    }
    return Number(total);
  }

  #another(what: string): AnewError {
    const message = `${what}: ${this.#wanted.path} cannot be put together from the parts that its host sends.`;
    const cause = new InglenookError("incomplete-download", message, { detail: this.#wanted.path });
    return new AnewError(cause, { inParts: false });
  }
}

const rangeOf = (from: number, to: number | undefined) => `bytes=${from}-${to === undefined ? "" : to - 1}`;

function isOwn(url: string): boolean {
  return new URL(url).origin === globalThis.location?.origin;
}

/** Of an ETag and a date the one that tells versions apart, byte by byte. */
function validatorOf(headers: Headers): string | undefined {
  const etag = headers.get("etag");
  return (etag && !etag.startsWith("W/") ? etag : headers.get("last-modified")) ?? undefined;
}

/** The length of what will arrive, unless it is compressed on the way. */
function lengthOf(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  return length === null || headers.get("content-encoding") ? undefined : Number(length);
}
