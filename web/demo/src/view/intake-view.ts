import { type Found, fromDrop, fromFolder, fromInput } from "../files/collect";
import { ACCEPTED } from "../reading/read-text";
import { byId } from "./dom";
import { onDrop } from "./drop";

type FolderPicker = () => Promise<FileSystemDirectoryHandle>;

/** Every way to hand files to the page: dropping them anywhere, the file button and the folder button. */
export class IntakeView {
  readonly #files = byId<HTMLInputElement>("file-input");
  readonly #folder = byId<HTMLInputElement>("folder-input");

  constructor(readonly take: (found: AsyncIterable<Found> | Iterable<Found>) => void) {
    this.#files.accept = ACCEPTED;
    for (const input of [this.#files, this.#folder]) {
      input.addEventListener("change", () => {
        if (input.files !== null && input.files.length > 0) take(fromInput(input.files));
        input.value = "";
      });
    }
    this.#onClick("choose-files", () => this.#files.click());
    this.#onClick("choose-folder", () => void this.#pickFolder());
    onDrop((data) => take(fromDrop(data)));
  }

  #onClick(action: string, act: () => void): void {
    for (const button of document.querySelectorAll<HTMLButtonElement>(`[data-action="${action}"]`)) {
      button.addEventListener("click", act);
      if (action === "choose-folder") button.hidden = !canPickFolders();
    }
  }

  /** The picker is preferred where it exists: the folder input makes browsers speak of an upload, and there is none. */
  async #pickFolder(): Promise<void> {
    const picker = folderPicker();
    if (picker === null) {
      this.#folder.click();
      return;
    }
    try {
      this.take(fromFolder(await picker()));
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) this.#folder.click();
    }
  }
}

function folderPicker(): FolderPicker | null {
  const picker = (window as { showDirectoryPicker?: FolderPicker }).showDirectoryPicker;
  return picker === undefined ? null : picker.bind(window);
}

/** Phones have the folder input in name only. */
function canPickFolders(): boolean {
  const isPhone = matchMedia("(pointer: coarse) and (hover: none)").matches;
  return folderPicker() !== null || ("webkitdirectory" in HTMLInputElement.prototype && !isPhone);
}
