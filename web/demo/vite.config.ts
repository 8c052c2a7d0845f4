import { defineConfig } from "vite";

const folder = (path: string) => decodeURIComponent(new URL(path, import.meta.url).pathname);

/** The site, built from the page and the built package into the root's `dist/`. Paths in it are relative. */
export default defineConfig({
  root: folder("."),
  base: "./",
  publicDir: false,
  resolve: { alias: { inglenook: folder("../dist/index.js") } },
  build: {
    outDir: folder("../../dist"),
    emptyOutDir: true,
    target: "es2022",
    // The policy of the page allows no inline script and no data: script or wasm.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: [folder("./index.html"), folder("./chat.html")] },
  },
  worker: { format: "es" },
});
