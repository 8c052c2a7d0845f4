// Chromium, and what its processes used.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { CHROMIUM_FLAGS, findBrowser } from "../browsers.mjs";

/** Opens the benchmark page in a fresh browser with an empty profile on disk. */
export async function openPage(url, { gpu }) {
  const profile = mkdtempSync(join(tmpdir(), "inglenook-bench-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findBrowser("chromium"),
    headless: true,
    args: gpu ? [...CHROMIUM_FLAGS, "--enable-unsafe-webgpu"] : CHROMIUM_FLAGS,
  });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    await page.goto(url);
    const session = await context.browser().newBrowserCDPSession();
    return { page, session, version: context.browser().version(), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function renderers(session) {
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  return processInfo.filter((process) => process.type === "renderer");
}

/** Milliseconds of CPU time that all threads of all renderer processes have used (resolution 10 ms on Linux). */
export async function rendererCpuMs(session) {
  const processes = await renderers(session);
  return processes.reduce((sum, process) => sum + process.cpuTime * 1000, 0);
}

/** The highest resident size, in MB of 10^6 bytes, that a renderer has reached; null where there is no /proc. */
export async function rendererPeakRssMb(session) {
  try {
    const peaks = (await renderers(session)).map(({ id }) => {
      const status = readFileSync(`/proc/${id}/status`, "utf8");
      return (Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024) / 1e6;
    });
    return Math.max(...peaks);
  } catch {
    return null;
  }
}
