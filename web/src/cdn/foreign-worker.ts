// A browser starts workers from the page's own origin alone. A script made on the spot is of that origin, and may import
// from any that allows it by CORS.
const scripts = new Map<string, string>();

/** A worker whose script is of another origin. */
export class ForeignWorker extends globalThis.Worker {
  constructor(script: string | URL, options?: WorkerOptions) {
    super(scriptOf(`${script}`), options);
  }
}

/** The address of a script that does as `script` does. One is made of each. */
function scriptOf(script: string): string {
  const line = `import ${JSON.stringify(script)};`;
  const made = scripts.get(script) ?? URL.createObjectURL(new Blob([line], { type: "text/javascript" }));
  scripts.set(script, made);
  return made;
}
