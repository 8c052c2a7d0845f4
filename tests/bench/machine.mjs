// What a result has to say about the machine it was measured on.
import { cpus, loadavg, release, totalmem, type } from "node:os";

export function describeMachine() {
  return {
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    os: `${type()} ${release().split(".", 2).join(".")}`,
    loadBefore: loadNow(),
    busy: loadavg()[0] > cpus().length / 4,
  };
}

export const loadNow = () =>
  loadavg()
    .map((value) => value.toFixed(2))
    .join(" ");
