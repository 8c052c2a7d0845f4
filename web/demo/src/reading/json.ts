import { type Reading, ReadingBuilder } from "./reading";
import { itemName } from "./trail";
import { weigh } from "./weight";

/** Records up to this weight stay whole (see `weigh`). */
const RECORD_WEIGHT = 190;
/** Deeper values are shown as an ellipsis: no text a person wrote lies there. */
const DEEPEST = 60;

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type Container = readonly Json[] | { readonly [key: string]: Json };

/** Reads JSON, or JSON Lines: small objects as one record each, larger ones by their parts. Throws SyntaxError. */
export function readJson(source: string): Reading {
  const builder = new ReadingBuilder();
  visit(parse(source), [], builder);
  return builder.finish();
}

function parse(source: string): Json {
  try {
    return JSON.parse(source) as Json;
  } catch (error) {
    const lines = source.split("\n").filter((line) => line.trim() !== "");
    if (lines.length < 2 || !/^\s*[{["]/.test(lines[0] as string)) throw error;
    return lines.map((line) => JSON.parse(line) as Json);
  }
}

function visit(value: Json, trail: readonly string[], builder: ReadingBuilder): void {
  if (!isContainer(value) || isRecord(value)) {
    builder.section(trail, { record: isContainer(value) });
    emit(value, builder);
    return;
  }
  if (trail.length >= DEEPEST) return;
  const parts = entries(value);
  const scalars = parts.filter(([, part]) => !isContainer(part));
  if (scalars.length > 0) builder.section(trail, { record: true });
  for (const [name, part] of scalars) builder.block(leafLine(name, part), { tight: true });
  for (const [name, part] of parts) if (isContainer(part)) visit(part, [...trail, name], builder);
}

function emit(value: Json, builder: ReadingBuilder): void {
  for (const line of leafLines(value, "", 0)) builder.block(line, { tight: true });
}

/** True for a container that reads well as one short list of `name: value` lines. */
function isRecord(value: Container): boolean {
  const list = Array.isArray(value);
  for (const [, part] of entries(value)) {
    if (isContainer(part) && (list || entries(part).some(([, inner]) => isContainer(inner)))) return false;
  }
  let weight = 0;
  for (const line of leafLines(value, "", 0)) {
    weight += weigh(line);
    if (weight > RECORD_WEIGHT) return false;
  }
  return true;
}

function* leafLines(value: Json, name: string, depth: number): Generator<string> {
  if (!isContainer(value)) yield leafLine(name, value);
  else if (depth > DEEPEST) yield leafLine(name, "…");
  else if (Array.isArray(value) && value.every((item) => !isContainer(item))) {
    yield leafLine(name, value.filter((item) => item !== null && item !== "").join(", "));
  } else
    for (const [key, part] of entries(value))
      yield* leafLines(part, name === "" ? key : `${name} › ${key}`, depth + 1);
}

function leafLine(name: string, value: Json): string {
  const text = value === null ? "" : String(value).trim();
  if (text === "") return "";
  return name === "" ? text : `${name}: ${text}`;
}

function isContainer(value: Json): value is Container {
  return typeof value === "object" && value !== null;
}

/** Names array items by their place, counted from 1. */
function entries(value: Container): [string, Json][] {
  if (Array.isArray(value)) return value.map((item, i) => [itemName(i + 1), item as Json]);
  return Object.entries(value);
}
