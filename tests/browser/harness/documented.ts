import { build, type Plugin } from "esbuild";
import { ROOT } from "../../../web/stage.mjs";
import type { Site } from "./use-chromium.js";

const PACKAGE: Plugin = {
  name: "the package, by its address",
  setup({ onResolve }) {
    onResolve({ filter: /^inglenook$|\/inglenook\/index\.js$/ }, () => ({
      path: "/dist/index.js",
      external: true,
    }));
  },
};

/** A module of a document as a page loads it: the types gone, other packages bundled, as in development. */
async function compiled(source: string, loader: "ts" | "tsx" = "ts"): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: source, loader, resolveDir: ROOT },
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"development"' },
    plugins: [PACKAGE],
  });
  return outputFiles[0]?.text ?? "";
}

async function serveModule({ server }: Site, path: string, source: string, loader?: "ts" | "tsx") {
  const code = await compiled(source, loader);
  server.answer(path, (response) => response.writeHead(200, { "Content-Type": "text/javascript" }).end(code));
}

/** Runs a module in the open page, and returns what it wrote to the console. */
export async function runModule(site: Site, source: string): Promise<unknown[][]> {
  // Another address for each: a page runs a module once.
  const path = `/module-${site.server.requests.length}.js`;
  await serveModule(site, path, source);
  const lines: Promise<unknown[]>[] = [];
  const { page } = site.opened;
  page.on("console", (message) => lines.push(Promise.all(message.args().map((arg) => arg.jsonValue()))));
  // As a string, because the test runner rewrites `import` in functions.
  await page.evaluate(`import("${path}").then(() => undefined)`);
  const said = await Promise.all(lines);
  page.removeAllListeners("console");
  return said;
}

/** Opens a page with `html` and the module, and returns as soon as it is there: the module may still be loading. */
export async function openPage(site: Site, html: string, source: string, loader?: "ts" | "tsx") {
  await serveModule(site, "/recipe.js", source, loader);
  const text = `<!doctype html><meta charset="utf-8"><title>A recipe</title><link rel="icon" href="data:,">
    ${html}<script type="module" src="/recipe.js"></script>`;
  site.server.answer("/recipe.html", (response) =>
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(text),
  );
  await site.opened.page.goto(`${site.server.url}recipe.html`);
  return site.opened.page;
}
