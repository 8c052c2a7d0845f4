import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { ModelManifest } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import type { EngineKind } from "./harness/engine.js";
import { FileHost } from "./harness/file-host.js";
import { firefox } from "./harness/firefox.js";
import { hostModel } from "./harness/models.js";
import "./harness/page.js";
import { damage } from "./harness/stored-file.js";
import { useEngine } from "./harness/use-engine.js";
import { webkit } from "./harness/webkit.js";

const PIECE = 2 ** 18;
const FILE = readFileSync(join(ROOT, "models/weights/all-minilm-l6-v2-q8_0/all-MiniLM-L6-v2-Q8_0.gguf"));

for (const kind of [firefox, webkit]) {
  if (kind.missing) console.warn(`${kind.name} is skipped: ${kind.missing}.`);
  describe.skipIf(kind.missing)(`the store in ${kind.name}`, () => suite(kind));
}

/** In the page: loads a model, until it is told to stop or to the end, and tells what came over the network. */
async function load(model: ModelManifest): Promise<number> {
  const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
  const { bytesFetched } = embedder;
  embedder.destroy();
  return bytesFetched;
}

/** In the page: how many locks are held. A worker holds one as long as it lives. */
async function locksHeld(): Promise<number> {
  return (await navigator.locks.query()).held?.length ?? 0;
}

function suite(kind: EngineKind): void {
  const site = useEngine(kind);
  let place: string;

  beforeAll(async () => {
    ({ place } = await site.engine.run(() => inglenook.models.estimate(), null));
  });

  function hosted(): { host: FileHost; model: ModelManifest } {
    const host = new FileHost(FILE);
    return { host, model: hostModel(site.server, { "model.gguf": FILE }, { "model.gguf": host.reply }) };
  }

  it("goes on with a download that was stopped, where files can be kept in parts; then keeps it", async () => {
    const { host, model } = hosted();
    host.stallAfter = FILE.length / 2;
    await site.engine.run(async (model: ModelManifest) => {
      const stop = new AbortController();
      inglenook.Embedder.create({ model, device: "cpu", signal: stop.signal }).catch(() => {});
      Object.assign(globalThis, { stop });
    }, model);
    await expect.poll(() => host.sent, { timeout: 60_000 }).toBeGreaterThanOrEqual(FILE.length / 2);
    const bytes = async () =>
      (await site.engine.run((id: string) => inglenook.models.info(id), model.id)).bytes;
    if (place === "file-system") {
      await expect.poll(bytes, { timeout: 60_000 }).toBeGreaterThan(FILE.length / 4);
    }
    await site.engine.run(async () => {
      (globalThis as unknown as { stop: AbortController }).stop.abort();
    }, null);
    // A download may go on until its worker has ended.
    await expect.poll(() => site.engine.run(locksHeld, null)).toBe(0);
    const kept = await bytes();
    host.stallAfter = Number.POSITIVE_INFINITY;
    expect(await site.engine.run(load, model)).toBe(FILE.length - kept);
    expect(await site.engine.run(load, model)).toBe(0);
    expect(await site.engine.run((id: string) => inglenook.models.info(id), model.id)).toMatchObject({
      bytes: FILE.length,
      complete: true,
    });
    expect(await site.engine.run((id: string) => inglenook.models.remove(id), model.id)).toBe(true);
    expect(await site.engine.run(() => inglenook.models.list(), null)).toEqual([]);
  });

  if (kind === webkit) console.warn("WebKit keeps no parts of files here: it has no private file system.");
  it.skipIf(kind === webkit)("fetches again what was damaged, and nothing else", async () => {
    expect(place).toBe("file-system");
    const { model } = hosted();
    await site.engine.run(load, model);
    await site.engine.run(damage, { name: model.files[0]?.sha256 ?? "", at: [7 * PIECE + 1] });
    expect(await site.engine.run(load, model)).toBe(PIECE);
    expect(await site.engine.run(load, model)).toBe(0);
  });
}
