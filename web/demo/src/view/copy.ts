import { announce } from "./announce";

const COPIED_MS = 2000;

/** Puts a text where it can be pasted from. The button with this `label` that was pressed for it says so for a moment. */
export async function copy(text: string, pressed: HTMLElement, label: string): Promise<void> {
  await navigator.clipboard.writeText(text).then(
    () => {
      announce("Copied.");
      pressed.textContent = "Copied";
      setTimeout(() => {
        pressed.textContent = label;
      }, COPIED_MS);
    },
    () => announce("The browser did not allow copying."),
  );
}
