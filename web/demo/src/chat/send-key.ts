/** Whether a key that was pressed in a field sends what is in it: Enter does, Shift and Enter begin a line. */
export function isSendKey({ key, shiftKey, isComposing }: KeyboardEvent): boolean {
  // While an input method composes a word, Enter belongs to it.
  return key === "Enter" && !shiftKey && !isComposing;
}
