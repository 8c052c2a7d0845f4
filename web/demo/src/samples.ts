import type { NamedText } from "./files/read-files";

const FILES = import.meta.glob<string>("../samples/**/*.*", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** A small household library, part of the page itself: using it requests nothing. */
export const SAMPLES: readonly NamedText[] = Object.entries(FILES).map(([path, text]) => ({
  path: path.replace("../samples/", ""),
  text,
}));

/** Questions that share few words with the passages that answer them. */
export const SAMPLE_QUERIES: readonly string[] = [
  "my tap keeps dripping all night",
  "is this egg still fresh",
  "how far away is the thunderstorm",
  "my knee hurts when cycling",
  "getting red wine out of a tablecloth",
  "wet mark on the wall",
  "why does the fire smoke and go out",
  "shrunk my jumper in the wash",
];
