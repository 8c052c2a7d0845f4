import { expect } from "vitest";
import type { ModelManifest } from "../../../web/src/index.js";
import { type OpenPage, workersLeft } from "./chromium.js";
import { type Golden, largestDifference } from "./goldens.js";
import "./page.js";

/** The page goes on: the same package loads a good model, computes the right vectors, and leaves no worker behind. */
export async function expectUsable(
  { page }: OpenPage,
  model: ModelManifest,
  { texts, vectors }: Golden,
): Promise<void> {
  const found = await page.evaluate(
    async ([model, texts]) => {
      const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
      const vectors = [...(await embedder.embed(texts))];
      embedder.destroy();
      return vectors;
    },
    [model, texts] as const,
  );
  expect(largestDifference(found, vectors)).toBeLessThanOrEqual(1e-5);
  expect(await workersLeft(page)).toBe(0);
}
