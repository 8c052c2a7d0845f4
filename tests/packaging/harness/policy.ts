import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CONTENT_SECURITY_POLICY } from "../../../web/serve.mjs";

/**
 * The project's own policy for a folder's pages that have inline scripts: each is allowed by its hash, as a site that is
 * strict does it. An import map is such a script, and so is what Next.js puts into its pages.
 */
export function policyFor(folder: string): string {
  const pages = readdirSync(folder).filter((name) => name.endsWith(".html"));
  const scripts = pages.flatMap((name) => [
    ...readFileSync(join(folder, name), "utf8").matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g),
  ]);
  const hashes = scripts.map(
    ([, code = ""]) => `'sha256-${createHash("sha256").update(code).digest("base64")}'`,
  );
  return CONTENT_SECURITY_POLICY.replace("script-src", ["script-src", ...new Set(hashes)].join(" "));
}
