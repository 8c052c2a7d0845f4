/** A page in some browser, as far as the tests of more than one browser need it. */
export interface Engine {
  /** Runs a function, which must stand alone, in the page; what it takes and gives must be JSON. */
  run<A, T>(script: (input: A) => Promise<T>, input: A): Promise<T>;
  /** Opens a page in the place of this one. */
  visit(url: string): Promise<void>;
  close(): Promise<void>;
}

/** A browser that may be here or not. */
export interface EngineKind {
  name: string;
  /** Why its tests are skipped, if they are. */
  missing: string | undefined;
  /** Starts the browser and opens a page; what it stores is in the folder `profile`, where the browser keeps anything. */
  open(url: string, profile?: string): Promise<Engine>;
  /** Whether another start with the same profile finds what was stored. */
  keepsProfile: boolean;
}
