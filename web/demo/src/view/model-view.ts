import type { DeviceChoice } from "inglenook";
import type { Loadable, Model, ModelState, Source } from "../work/model";
import { announce } from "./announce";
import { byId, setText } from "./dom";
import { explain, explainFallback } from "./explain";
import { formatBytes, formatRemaining } from "./format";

/** The model's card: its state, where it runs and why, and the ledger of bytes. */
export class ModelView {
  #phase: ModelState["phase"] | null = null;

  constructor(readonly model: Model<Loadable>) {
    model.addEventListener("change", () => this.#draw());
    for (const radio of document.querySelectorAll<HTMLInputElement>("input[name=device]")) {
      radio.checked = radio.value === model.choice;
      radio.addEventListener("change", () => model.choose(radio.value as DeviceChoice));
    }
    countRequests(model);
    this.#draw();
  }

  #draw(): void {
    const { state } = this.model;
    document.body.setAttribute("data-model", state.phase);
    setText(byId("model-state"), describe(state, this.model));
    setText(byId("not-kept"), describeNotKept(this.model));
    setText(byId("device"), describeDevice(state, this.model.choice));
    setText(byId("fetched"), describeFetched(this.model, state));
    byId("load-model").hidden = state.phase !== "absent" && state.phase !== "failed";
    setText(byId("load-model"), state.phase === "failed" ? "Try again" : describeLoad(this.model.source));
    byId("cancel-model").hidden = state.phase !== "fetching";
    drawProgress(state);
    if (state.phase !== this.#phase) this.#announce(state);
    else if (state.phase === "ready") announce(`The model now runs on ${byId("device").textContent}.`);
    this.#phase = state.phase;
  }

  #announce(state: ModelState): void {
    if (["fetching", "starting", "ready"].includes(state.phase)) announce(describe(state, this.model));
    if (state.phase === "failed") {
      const { what, remedy } = explain(state.failure.code);
      announce(`${what} ${remedy}`);
      if (state.failure.code.startsWith("gpu-")) byId<HTMLDetailsElement>("device-choice").open = true;
    }
    const card = byId("model");
    card.setAttribute("data-phase", state.phase);
    if (state.phase === "failed") setText(byId("model-remedy"), explain(state.failure.code).remedy);
    byId("model-remedy").hidden = state.phase !== "failed";
  }
}

function describeLoad({ fromDisk, cost }: Source<Loadable>): string {
  return fromDisk ? "Load it again" : `Load the model (${cost})`;
}

/** What the model does, in a sentence. */
export function describe(state: ModelState, { source, wasKept }: Model<Loadable>): string {
  switch (state.phase) {
    case "checking":
      return "Looking whether the model is already here…";
    case "unsupported":
      return "This browser cannot run the model: it has no WebAssembly with SIMD. A current Chrome, Edge, Firefox or Safari can.";
    case "absent":
      if (source.fromDisk)
        return "Not loaded. It is read from your disk into this tab, and goes nowhere else.";
      return "It works in this tab. It is fetched once, from this page’s own server, and kept for the next visit.";
    case "fetching":
      if (source.fromDisk) return `Reading: ${formatBytes(state.bytes)} of ${formatBytes(state.total)}`;
      if (wasKept) return "Opening the model kept from last time…";
      return state.bytes === 0
        ? "Fetching the model…"
        : `Fetching: ${formatBytes(state.bytes)} of ${formatBytes(state.total)}${describePace(state)}`;
    case "starting":
      return `${source.fromDisk ? "Read" : "Checked and complete"}. ${describePreparation(state.fraction)}`;
    case "ready":
      return "Ready. From here on it works offline.";
    case "failed":
      return explain(state.failure.code).what;
  }
}

function describeNotKept({ notKept }: Model<Loadable>): string {
  if (notKept === null) return "";
  const { what, remedy } = explain(notKept.code);
  return `${what} ${remedy}`;
}

function describePreparation(fraction: number): string {
  return fraction > 0 ? `Preparing: ${Math.round(fraction * 100)} %` : "Preparing…";
}

function describePace({
  rate,
  remaining,
}: {
  rate?: number | undefined;
  remaining?: number | undefined;
}): string {
  if (rate === undefined || remaining === undefined) return "";
  return `, ${formatBytes(Math.round(rate))} a second, ${formatRemaining(remaining)} left`;
}

function describeDevice(state: ModelState, choice: DeviceChoice): string {
  if (state.phase !== "ready") return "not running yet";
  if (state.device === "webgpu") return "your graphics processor (WebGPU)";
  if (state.fallback !== null) return `your CPU: ${explainFallback(state.fallback)}`;
  return choice === "cpu" ? "your CPU, as chosen" : "your CPU";
}

function describeFetched(model: Model<Loadable>, state: ModelState): string {
  if (model.source.fromDisk) return `${formatBytes(model.bytesFetched)}, the model is your own file`;
  if (state.phase === "fetching" && !model.wasKept) return formatBytes(model.bytesFetched + state.bytes);
  const fetched = formatBytes(model.bytesFetched);
  return state.phase === "ready" && model.bytesFetched === 0
    ? `${fetched}, the model was kept from before`
    : fetched;
}

function drawProgress(state: ModelState): void {
  const bar = byId<HTMLProgressElement>("model-progress");
  bar.hidden = state.phase !== "fetching" && state.phase !== "starting" && state.phase !== "checking";
  bar.setAttribute("aria-label", state.phase === "starting" ? "Model preparation" : "Model download");
  if ((state.phase === "fetching" || state.phase === "starting") && state.fraction > 0)
    bar.value = state.fraction;
  else bar.removeAttribute("value");
}

/** Counts what the page itself requests once the model is there. The model's workers keep counts of their own. */
function countRequests(model: Model<Loadable>): void {
  let readyAt = Number.POSITIVE_INFINITY;
  let count = 0;
  model.addEventListener("change", () => {
    if (model.state.phase !== "ready") readyAt = Number.POSITIVE_INFINITY;
    else if (readyAt === Number.POSITIVE_INFINITY) readyAt = performance.now();
  });
  new PerformanceObserver((list) => {
    count += list.getEntries().filter((entry) => entry.startTime > readyAt).length;
    setText(byId("requests"), String(count));
  }).observe({ type: "resource" });
}
