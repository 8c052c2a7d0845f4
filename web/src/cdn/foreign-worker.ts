// A browser starts workers from the page's own origin alone. A script made on the spot is of that origin, and may import
// from any that allows it by CORS.
const scripts = new Map<string, string>();

/** What such a worker begins with. */
const FOREIGN = new URL("./foreign.js", import.meta.url).href;

/** A worker whose script is of another origin, and so are those of the workers that it starts. */
export class ForeignWorker extends globalThis.Worker {
  constructor(script: string | URL, options?: WorkerOptions) {
    super(scriptOf(`${script}`), options);
  }
}

/** The address of a script that does as `script` does. One is made of each. */
function scriptOf(script: string): string {
  const lines = [FOREIGN, script].map((address) => `import ${JSON.stringify(address)};`);
  const made = scripts.get(script) ?? URL.createObjectURL(new Blob(lines, { type: "text/javascript" }));
  scripts.set(script, made);
  return made;
}
