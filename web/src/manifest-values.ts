// Names become part of an address: no empty, `.` or `..` segment may lead out of the model's folder.
const SAFE_PATH = /^(?!\.{1,2}(\/|$))[^/\\]+(\/(?!\.{1,2}(\/|$))[^/\\]+)*$/;

/** Whether `value` is a relative path below a model's folder. */
export const isPath = (value: unknown): value is string => typeof value === "string" && SAFE_PATH.test(value);

/** Whether `value` is a SHA-256 in lower-case hexadecimal. */
export const isHash = (value: unknown): value is string =>
  typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
