// Where Inglenook's time goes: Chromium's sampling profiler over its worker, with a build whose functions have names.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import puppeteer from "puppeteer-core";
import { buildNamedWasm } from "../../web/build-wasm.mjs";
import { CHROMIUM_FLAGS, findBrowser } from "../browsers.mjs";
import { CACHE, PACKAGE } from "./paths.mjs";
import { startServer } from "./server.mjs";
import { parseCase, SUITES } from "./suites.mjs";
import { table } from "./tables.mjs";

const INTERVAL_US = 100;
const ROWS = 24;
/** Functions that are kernels, or parts of them that the compiler left apart. */
const KERNEL = /\bkernels::/;

/**
 * A table for every case: milliseconds and share by function, and the share of what is no kernel; of a suite on threads,
 * those of the worker, which waits in its pool for the others.
 * @param {(page: object, cases: object[], suite: string) => Promise<(wanted: object) => Promise<unknown>>} prepareWork  as of a suite
 */
export async function profileCases(suite, path, names, prepareWork) {
  const cases = names.map((name) => parseCase(suite, name)).filter(({ phase }) => phase !== "abort");
  const { isolated } = SUITES[suite];
  // The build that Chromium takes.
  const instead = await namedFiles(isolated ? "cpu_threads" : "cpu_relaxed");
  const server = await startServer(path, { instead, isolated });
  const browser = await puppeteer.launch({ executablePath: findBrowser("chromium"), args: CHROMIUM_FLAGS });
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    const work = await prepareWork(page, cases, suite);
    const tables = [];
    for (const wanted of cases) {
      // Once more than is looked at, so that what is hot is compiled.
      await work(wanted);
      tables.push(report(wanted.name, await profiled(page, () => work(wanted))));
    }
    return tables.join("\n\n");
  } finally {
    await browser.close();
    server.close();
  }
}

/** The files to be sent in the place of the package's. */
async function namedFiles(kind) {
  const { wasm, glue } = await buildNamedWasm(kind);
  const folder = join(CACHE, "named");
  mkdirSync(folder, { recursive: true });
  const files = { [`inglenook_${kind}.wasm`]: wasm, [`inglenook_${kind}.js`]: glue };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return new Map(Object.keys(files).map((name) => [join(PACKAGE, name), join(folder, name)]));
}

/** Microseconds by function, of the newest worker that is no thread, while `act` runs. */
async function profiled(page, act) {
  const session = page.workers().findLast((worker) => !worker.url().endsWith("/thread.js")).client;
  await session.send("Profiler.enable");
  await session.send("Profiler.setSamplingInterval", { interval: INTERVAL_US });
  await session.send("Profiler.start");
  await act();
  const { profile } = await session.send("Profiler.stop");
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame.functionName]));
  const times = new Map();
  profile.samples.forEach((id, i) => {
    const name = names.get(id) ?? "";
    times.set(name, (times.get(name) ?? 0) + profile.timeDeltas[i]);
  });
  times.delete("(idle)");
  return times;
}

function report(name, times) {
  const all = [...times].sort(([, a], [, b]) => b - a);
  const sum = (entries) => entries.reduce((total, [, time]) => total + time, 0);
  const total = sum(all);
  const share = (time) => `${((100 * time) / total).toFixed(1)} %`;
  const outside = sum(all.filter(([name]) => !KERNEL.test(name)));
  const rows = all
    .slice(0, ROWS)
    .map(([name, time]) => [readable(name), (time / 1000).toFixed(1), share(time)]);
  const heading = `## ${name}: ${(total / 1000).toFixed(0)} ms, ${share(outside)} outside kernels`;
  return `${heading}\n\n${table(["function", "ms", "share"], rows, 1)}`;
}

/** Without the paths of modules and the hash. */
function readable(name) {
  return name.replace(/::h[0-9a-f]{16}$/, "").replaceAll(/(?:\w+::)+(?=\w)/g, "");
}
