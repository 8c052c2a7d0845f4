import { isPassedOverFolder, MOST_FILES } from "./admit";

/** A file with its path below what was dropped or chosen, or something that could not be entered. */
export type Found =
  | { readonly path: string; readonly file: File }
  | { readonly path: string; readonly refusal: string };

/** Files from a file input; those of a folder input carry their paths and come in the order of these. */
export function fromInput(files: Iterable<File>): Found[] {
  const passed = new Set<string>();
  const found: Found[] = [];
  for (const file of files) {
    const path = file.webkitRelativePath || file.name;
    const folder = passedOverFolderOf(path);
    if (folder === null) found.push({ path, file });
    else if (!passed.has(folder)) found.push(passedOver(folder));
    if (folder !== null) passed.add(folder);
  }
  return found.sort((a, b) => a.path.localeCompare(b.path));
}

/** The outermost folder of a path that is not entered, or null. */
function passedOverFolderOf(path: string): string | null {
  const folders = path.split("/").slice(0, -1);
  const at = folders.findIndex(isPassedOverFolder);
  return at === -1 ? null : folders.slice(0, at + 1).join("/");
}

/**
 * Files and folders from a drop. The entries are taken before the first await, because the browser
 * empties the list when the event handler returns.
 */
export function fromDrop(transfer: DataTransfer): AsyncIterable<Found> {
  const entries = [...transfer.items].map((item) => (item.kind === "file" ? item.webkitGetAsEntry() : null));
  const usable = entries.filter((entry) => entry !== null);
  if (usable.length > 0) return limited(walkEntries(usable));
  const files = fromInput(transfer.files);
  return limited(
    (async function* () {
      yield* files;
    })(),
  );
}

/** Files of a folder from `showDirectoryPicker`. */
export function fromFolder(folder: FileSystemDirectoryHandle): AsyncIterable<Found> {
  return limited(walkHandle(folder, folder.name));
}

async function* limited(found: AsyncIterable<Found>): AsyncGenerator<Found> {
  let count = 0;
  for await (const one of found) {
    if (++count > MOST_FILES) {
      yield {
        path: "everything further",
        refusal: `more than ${MOST_FILES.toLocaleString("en-GB")} files at once`,
      };
      return;
    }
    yield one;
  }
}

async function* walkEntries(entries: readonly FileSystemEntry[]): AsyncGenerator<Found> {
  for (const entry of entries) {
    const path = entry.fullPath.replace(/^\//, "");
    try {
      if (entry.isFile) {
        const file = await new Promise<File>((resolve, reject) => {
          (entry as FileSystemFileEntry).file(resolve, reject);
        });
        yield { path, file };
      } else if (isPassedOverFolder(entry.name)) yield passedOver(path);
      else yield* walkEntries(await listDirectory(entry as FileSystemDirectoryEntry));
    } catch (error) {
      yield { path, refusal: unreadable(error) };
    }
  }
}

/** `readEntries` hands out a directory in pieces (100 at a time in Chromium) until one is empty. */
async function listDirectory(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (some.length === 0) return all.sort((a, b) => a.name.localeCompare(b.name));
    all.push(...some);
  }
}

async function* walkHandle(folder: FileSystemDirectoryHandle, path: string): AsyncGenerator<Found> {
  for await (const handle of folder.values()) {
    const inner = `${path}/${handle.name}`;
    try {
      if (handle.kind === "file")
        yield { path: inner, file: await (handle as FileSystemFileHandle).getFile() };
      else if (isPassedOverFolder(handle.name)) yield passedOver(inner);
      else yield* walkHandle(handle as FileSystemDirectoryHandle, inner);
    } catch (error) {
      yield { path: inner, refusal: unreadable(error) };
    }
  }
}

function passedOver(path: string): Found {
  return { path: `${path}/`, refusal: "folder of hidden or generated files" };
}

export function unreadable(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotFoundError") return "it is no longer there";
  if (name === "NotAllowedError" || name === "SecurityError") return "the browser may not read it";
  return "it could not be read";
}
