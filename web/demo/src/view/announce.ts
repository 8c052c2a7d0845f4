import { byId } from "./dom";

const QUIET_MS = 600;

let timer: ReturnType<typeof setTimeout> | null = null;

/** Tells screen readers, politely, and only the last of what is said in quick succession. */
export function announce(text: string): void {
  if (timer !== null) clearTimeout(timer);
  timer = setTimeout(() => {
    timer = null;
    byId("announcer").textContent = text;
  }, QUIET_MS);
}
