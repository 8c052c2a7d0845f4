import { extensionOf, formatOf } from "../reading/read-text";
import { formatBytes } from "../view/format";

/** Keeps one file from filling the memory of a phone. */
export const LARGEST_FILE_BYTES = 20_000_000;
/** A drop of a whole disk stops here rather than after an hour. */
export const MOST_FILES = 5_000;

/** Null when a file is worth reading, else why it is passed over, as the end of a sentence. */
export function refusal(name: string, bytes: number): string | null {
  if (name.startsWith(".")) return "hidden file";
  if (formatOf(name) === null) return unreadFormat(name);
  if (bytes === 0) return "empty file";
  if (bytes > LARGEST_FILE_BYTES) return `larger than ${formatBytes(LARGEST_FILE_BYTES)}`;
  return null;
}

/** Folders that hold no writing of the person who dropped them. */
export function isPassedOverFolder(name: string): boolean {
  return name.startsWith(".") || name === "node_modules" || name === "__MACOSX";
}

function unreadFormat(name: string): string {
  const extension = extensionOf(name);
  if (extension === "") return "no file ending that says it is text";
  const known = KINDS.find(([, endings]) => endings.includes(extension));
  return known === undefined ? `.${extension} files are not read` : `${known[0]} are not read`;
}

const KINDS: readonly (readonly [string, readonly string[]])[] = [
  ["PDF documents", ["pdf"]],
  ["word processor documents", ["doc", "docx", "odt", "rtf", "pages"]],
  ["spreadsheets", ["xls", "xlsx", "ods", "numbers"]],
  ["images", ["png", "jpg", "jpeg", "gif", "webp", "avif", "heic", "svg", "bmp", "tif", "tiff", "ico"]],
  ["sound and video files", ["mp3", "m4a", "wav", "ogg", "flac", "mp4", "mov", "mkv", "webm", "avi"]],
  ["archives", ["zip", "gz", "tar", "7z", "rar", "bz2", "xz", "zst"]],
  ["e-books", ["epub", "mobi", "azw3"]],
];
