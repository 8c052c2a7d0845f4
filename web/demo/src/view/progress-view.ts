import type { Embedder } from "inglenook";
import type { Indexer } from "../work/indexer";
import type { Model } from "../work/model";
import { announce } from "./announce";
import { byId, setText, throttled } from "./dom";
import { explain } from "./explain";
import { formatCount, formatNumber, formatRate, formatRemaining } from "./format";

const REDRAW_MS = 150;

/** The strip that says how far the reading of the files is. */
export class ProgressView {
  #phase = "idle";

  constructor(
    readonly indexer: Indexer,
    readonly model: Model<Embedder>,
  ) {
    const draw = throttled(REDRAW_MS, () => this.#draw());
    indexer.addEventListener("change", draw);
    model.addEventListener("change", draw);
  }

  #draw(): void {
    const { state, progress } = this.indexer;
    const { done, total } = progress;
    document.body.setAttribute("data-indexer", state.phase);
    byId("progress").hidden = state.phase === "idle";
    byId("stop").hidden = state.phase !== "running";
    byId("resume").hidden = state.phase !== "stopped" && state.phase !== "failed";
    setText(byId("resume"), state.phase === "failed" ? "Try again" : "Continue");
    const bar = byId<HTMLProgressElement>("progress-bar");
    bar.max = Math.max(1, total);
    bar.value = done;
    setText(byId("progress-text"), this.#describe(done, total));
    if (state.phase !== this.#phase) this.#announce(state.phase, done);
    this.#phase = state.phase;
  }

  #describe(done: number, total: number): string {
    const { state } = this.indexer;
    const count = `${formatNumber(done)} of ${formatCount(total, "passage")}`;
    if (state.phase === "failed") {
      const { what, remedy } = explain(state.failure.code);
      return `${what} ${remedy} ${done > 0 ? `What is ready (${count}) can be searched.` : ""}`.trim();
    }
    if (state.phase === "stopped") return `Stopped at ${count}. Those can be searched.`;
    if (this.model.state.phase !== "ready") return `${formatCount(total, "passage")} waiting for the model`;
    return [count, ...this.#pace(total - done)].join(" · ");
  }

  #pace(left: number): string[] {
    const { rate } = this.indexer;
    const speed = rate.perSecond();
    const remaining = rate.remaining(left);
    return speed === null || remaining === null
      ? []
      : [`${formatRate(speed)} a second`, `${formatRemaining(remaining)} left`];
  }

  #announce(phase: string, done: number): void {
    if (phase === "idle" && this.#phase === "running" && done > 0)
      announce(`${formatCount(done, "passage")} ready to search.`);
    else if (phase === "running") announce("Reading your files.");
    else if (phase !== "idle") announce(byId("progress-text").textContent ?? "");
  }
}
