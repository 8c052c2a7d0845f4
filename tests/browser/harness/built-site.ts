import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ModelManifest } from "../../../web/src/index.js";
import { ROOT } from "../../../web/stage.mjs";
import { tinyLlama } from "./chats.js";
import { manifestOf, tinyGguf } from "./models.js";

const PAGE = join(ROOT, "tests/browser/page");
const SITE = "site";

/** A host that sends none of the headers that isolate a page. */
export const PLAIN = {
  "Cross-Origin-Opener-Policy": null,
  "Cross-Origin-Embedder-Policy": null,
  "Cross-Origin-Resource-Policy": null,
};

/** A site in the folder `site/` of a host: the test page with the package and two tiny models, in files of its own. */
export class BuiltSite {
  /** What the host serves. */
  readonly root = mkdtempSync(join(tmpdir(), "inglenook-site-"));
  /** Relative to the host. */
  readonly path = `${SITE}/`;
  /** The tiny model that embeds. */
  readonly model: ModelManifest;
  /** The tiny model that chats, relative to the page. */
  readonly chatFile: string = "models/tiny.gguf";

  constructor() {
    cpSync(join(ROOT, "web/dist"), this.file("inglenook"), { recursive: true });
    const script = readFileSync(join(PAGE, "page.js"), "utf8").replace("/dist/", "./inglenook/");
    this.write("index.html", readFileSync(join(PAGE, "index.html")));
    this.write("page.js", script);
    const files = tinyGguf();
    this.model = manifestOf("tiny", files);
    for (const [path, bytes] of Object.entries(files)) this.write(`models/tiny/${path}`, bytes);
    this.write(this.chatFile, tinyLlama("model-q8_0.gguf"));
    this.build();
  }

  file(path: string): string {
    return join(this.root, SITE, path);
  }

  write(path: string, content: string | Uint8Array): void {
    mkdirSync(dirname(this.file(path)), { recursive: true });
    writeFileSync(this.file(path), content);
  }

  /** Writes the service worker for what is there, as `npx inglenook` does. */
  build(...options: string[]): void {
    execFileSync(process.execPath, [join(ROOT, "web/dist/cli.js"), "offline", this.file(""), ...options]);
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }
}
