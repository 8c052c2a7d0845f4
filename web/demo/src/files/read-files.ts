import { decode } from "../reading/decode";
import { type Format, formatOf, readText } from "../reading/read-text";
import { type Passage, split } from "../reading/split";
import { pause } from "../work/pause";
import { refusal } from "./admit";
import { type Found, unreadable } from "./collect";
import { type Doc, type Library, MOST_PASSAGES } from "./library";

/** Longest stretch of work on the page's own thread before it may draw and answer again. */
const SLICE_MS = 12;

/** A text that is already in memory, such as one of the samples. */
export interface NamedText {
  readonly path: string;
  readonly text: string;
}

/** Reads what was found into the library, one file after the other; calls `added` after each that was read. */
export async function readFiles(
  found: AsyncIterable<Found> | Iterable<Found>,
  library: Library,
  added: (doc: Doc) => void,
): Promise<void> {
  for await (const one of found) {
    const reason = "file" in one ? await readFile(one.path, one.file, library, added) : one.refusal;
    if (reason !== null) library.skip(one.path, reason);
  }
}

export async function readNamedTexts(
  texts: readonly NamedText[],
  library: Library,
  added: (doc: Doc) => void,
): Promise<void> {
  for (const { path, text } of texts) {
    const bytes = new TextEncoder().encode(text).length;
    if (library.hasCopyOf(path, bytes)) continue;
    await addText({ path, bytes, text }, formatOf(path) as Format, library, added);
  }
}

async function readFile(
  path: string,
  file: File,
  library: Library,
  added: (doc: Doc) => void,
): Promise<string | null> {
  const reason = refusal(file.name, file.size);
  if (reason !== null) return reason;
  if (library.hasCopyOf(path, file.size)) return "already in the list";
  try {
    const decoded = decode(new Uint8Array(await file.arrayBuffer()));
    if (decoded === null) return "binary data, not text";
    const source = { path, bytes: file.size, text: decoded.text };
    return await addText(source, formatOf(file.name) as Format, library, added);
  } catch (error) {
    return unreadable(error);
  }
}

async function addText(
  source: NamedText & { readonly bytes: number },
  format: Format,
  library: Library,
  added: (doc: Doc) => void,
): Promise<string | null> {
  try {
    const reading = readText(source.text, format);
    const passages = await splitInSlices(split(reading));
    if (passages.length === 0) return "no text inside";
    if (library.passageCount + passages.length > MOST_PASSAGES)
      return "more passages than this page can hold";
    added(library.add({ path: source.path, bytes: source.bytes, format, text: reading.text, passages }));
    return null;
  } catch (error) {
    if (error instanceof SyntaxError) return "not valid JSON";
    throw error;
  }
}

async function splitInSlices(cut: Iterable<Passage>): Promise<Passage[]> {
  const passages: Passage[] = [];
  let sliceEnd = performance.now() + SLICE_MS;
  for (const passage of cut) {
    passages.push(passage);
    if (performance.now() < sliceEnd) continue;
    await pause();
    sliceEnd = performance.now() + SLICE_MS;
  }
  return passages;
}
