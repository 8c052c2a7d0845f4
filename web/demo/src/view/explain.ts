import type { ErrorCode } from "inglenook";

/** An error in words: what happened, and what to do about it. */
export interface Explanation {
  readonly what: string;
  readonly remedy: string;
}

const AGAIN = "Try again.";
const RELOAD =
  "Try again; if it happens once more, reload the page. Your files stay on your disk either way.";
const ANOTHER_DEVICE = "Try again with “Run on” set to the CPU.";
const HOST = "The server that hosts this page has to be put right; a new try later may work.";
const DEFECT =
  "Nothing you wrote or opened beside the model is the cause. Another model may work; reload the page to start over.";

/** One explanation for every code that the package can report. */
export const EXPLANATIONS: Readonly<Record<ErrorCode, Explanation>> = {
  network: {
    what: "The model could not be fetched: there was no answer from the server.",
    remedy: "Check the connection and try again.",
  },
  "http-status": { what: "The server refused to hand out the model.", remedy: HOST },
  "not-weights": { what: "The server sent a web page where the model should be.", remedy: HOST },
  "incomplete-download": {
    what: "The model's download ended early.",
    remedy: "Check the connection and try again.",
  },
  "size-mismatch": { what: "The model on the server has a different size than it should.", remedy: HOST },
  "hash-mismatch": {
    what: "The downloaded model is not the one this page was made for, so it was thrown away unused.",
    remedy: `${AGAIN} If it happens again, the copy on the server is damaged or was replaced.`,
  },
  "signature-missing": { what: "The model has no signature, and this page wants one.", remedy: HOST },
  "signature-invalid": {
    what: "The model is not signed by whom this page trusts, so it was not used.",
    remedy: `${AGAIN} If it happens again, the copy on the server is damaged or was replaced.`,
  },
  "signature-unsupported": {
    what: "This browser cannot verify who signed the model, so it was not used.",
    remedy: "A current version of the browser may.",
  },
  "malformed-file": { what: "The model file is damaged.", remedy: DEFECT },
  "unsupported-file": { what: "The model file has a format that this page does not know.", remedy: DEFECT },
  "unsupported-model": { what: "The model is of a kind that this page cannot run.", remedy: DEFECT },
  "unsupported-dtype": {
    what: "The model stores its numbers in a way that this page cannot read.",
    remedy: DEFECT,
  },
  "missing-tensor": { what: "A part of the model is missing from its file.", remedy: DEFECT },
  "tensor-shape": { what: "A part of the model has the wrong shape.", remedy: DEFECT },
  "missing-file": { what: "One of the model's files is missing.", remedy: DEFECT },
  tokenizer: { what: "The model's vocabulary could not be read.", remedy: DEFECT },
  "invalid-input": { what: "The model was given something it cannot read.", remedy: RELOAD },
  "context-overflow": {
    what: "The message is too long for the model.",
    remedy: "Shorten it, or start a new chat.",
  },
  template: {
    what: "The model's own form for conversations does not accept this one.",
    remedy: "Start a new chat, or choose another model.",
  },
  "gpu-unavailable": {
    what: "There is no usable graphics processor (WebGPU) here.",
    remedy: "Set “Run on” to automatic or to the CPU.",
  },
  "gpu-limits": { what: "The graphics processor is too small for the model.", remedy: ANOTHER_DEVICE },
  "gpu-self-test": {
    what: "The graphics processor gave wrong answers in the self-test, so it is not used.",
    remedy: ANOTHER_DEVICE,
  },
  "gpu-lost": { what: "The browser took the graphics processor away.", remedy: ANOTHER_DEVICE },
  "gpu-error": { what: "The graphics processor reported an error.", remedy: ANOTHER_DEVICE },
  "out-of-memory": {
    what: "There was not enough memory.",
    remedy: "Close other tabs or remove large files, then try again.",
  },
  "storage-full": {
    what: "The browser has no room to keep the model.",
    remedy: "Remove what other pages keep, or free disk space. Until then it is fetched at every visit.",
  },
  "storage-denied": {
    what: "The browser keeps nothing for this page.",
    remedy: "A private window, or a setting, is the cause. The model is fetched at every visit.",
  },
  destroyed: { what: "The model was stopped while it worked.", remedy: AGAIN },
  "unknown-model": { what: "This page does not know the model it was asked for.", remedy: DEFECT },
  worker: { what: "The background worker that runs the model stopped.", remedy: RELOAD },
  internal: { what: "Something unexpected went wrong.", remedy: RELOAD },
};

export function explain(code: string): Explanation {
  return Object.hasOwn(EXPLANATIONS, code) ? EXPLANATIONS[code as ErrorCode] : EXPLANATIONS.internal;
}

const FALLBACKS: Readonly<Record<string, string>> = {
  "no-webgpu": "this browser offers no WebGPU",
  "no-adapter": "the browser found no graphics processor to use",
  "limits-too-small": "the graphics processor is too small for the model",
  "self-test-failed": "the graphics processor gave wrong answers in the self-test",
  "device-lost": "the browser took the graphics processor away",
  "gpu-error": "the graphics processor reported an error",
};

/** Why the CPU was taken instead of the GPU, as the end of a sentence. */
export function explainFallback(fallback: { readonly reason: string; readonly message: string }): string {
  return Object.hasOwn(FALLBACKS, fallback.reason)
    ? (FALLBACKS[fallback.reason] as string)
    : fallback.message;
}
