/** The bytes that a standard base64 text stands for; `undefined` where it is none. */
export function fromBase64(text: unknown): Uint8Array<ArrayBuffer> | undefined {
  const isText = typeof text === "string" && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  return isText ? Uint8Array.from(atob(text), (char) => char.charCodeAt(0)) : undefined;
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
