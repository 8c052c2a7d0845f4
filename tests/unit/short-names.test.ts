import { describe, expect, it } from "vitest";
import { shortenNames } from "../../web/short-names.mjs";

const name = (text: string) => [text.length, ...Buffer.from(text)];
const section = (id: number, ...content: number[]) => [id, content.length, ...content];

/** A module that imports `glue.__wbg_add_0123456789abcdef(i32)`, and exports a memory and `run`, which calls it with 7. */
const wasm = Uint8Array.from([
  ...[0, 97, 115, 109, 1, 0, 0, 0],
  ...section(1, 2, 0x60, 1, 0x7f, 0, 0x60, 0, 0),
  ...section(2, 1, ...name("glue"), ...name("__wbg_add_0123456789abcdef"), 0, 0),
  ...section(3, 1, 1),
  ...section(5, 1, 0, 1),
  ...section(7, 2, ...name("memory"), 2, 0, ...name("__wbindgen_run"), 0, 1),
  ...section(10, 1, 6, 0, 0x41, 7, 0x10, 0, 0x0b),
]);

const glue = `({
  imports: { glue: { __proto__: null, __wbg_add_0123456789abcdef: function(arg0) { log.push(arg0); } } },
  run: (wasm) => { wasm.__wbindgen_run(); return wasm.memory.buffer.byteLength; },
})`;

describe("shortenNames", () => {
  it("leaves a module and its glue that fit each other", async () => {
    const short = shortenNames(wasm, glue);
    expect(short.wasm.includes("__w")).toBe(false);
    expect(short.glue).not.toContain("__wb");

    const log: number[] = [];
    const { imports, run } = new Function("log", `return ${short.glue}`)(log);
    const { instance } = await WebAssembly.instantiate(new Uint8Array(short.wasm), imports);
    expect(run(instance.exports)).toBe(65_536);
    expect(log).toEqual([7]);
  });

  it("refuses glue that lacks something", () => {
    expect(() => shortenNames(wasm, "({})")).toThrow(/__wbg_add/);
  });

  /** A module that imports one thing of a kind. */
  const importing = (...kind: number[]) =>
    Uint8Array.from([
      ...[0, 97, 115, 109, 1, 0, 0, 0],
      ...section(2, 1, ...name("glue"), ...name("thing"), ...kind),
    ]);

  it("leaves a shared memory to be imported by its name", async () => {
    const short = shortenNames(importing(2, 3, 1, 2), "({})");
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
    const imports = { glue: { thing: memory } };
    await expect(WebAssembly.instantiate(new Uint8Array(short.wasm), imports)).resolves.toBeDefined();
    await expect(WebAssembly.instantiate(new Uint8Array(short.wasm), { glue: {} })).rejects.toThrow();
  });

  it("refuses what it does not understand", () => {
    const global = importing(3, 0x7f, 0);
    expect(() => shortenNames(global, "thing: 1")).toThrow(/no function/);
  });
});
