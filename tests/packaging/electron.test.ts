import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RecordingProxy } from "../browser/harness/recording-proxy.js";
import { expectAnswer, expectVectors } from "./harness/answers.js";
import { App } from "./harness/app.js";
import { ElectronWindow, hasElectron } from "./harness/electron.js";
import { CHAT_FILE, CURVE_KEYS, putModels } from "./harness/models.js";

/** The first Chromium with relaxed SIMD, which the build with threads needs. */
const RELAXED_SIMD = 114;

describe.skipIf(!hasElectron)("the packed package in Electron", () => {
  let app: App;
  let proxy: RecordingProxy;
  let window: ElectronWindow | undefined;

  beforeAll(async () => {
    app = await App.install("vite", "electron");
    proxy = await RecordingProxy.start();
  });
  afterAll(async () => {
    await window?.close();
    proxy?.stop();
    app?.remove();
  });

  it("works in a window, from the app's own files, and without a network", async () => {
    const model = putModels(app, { folder: "public", keys: CURVE_KEYS });
    await app.run("npm", "run", "build");
    const through = [`--proxy-server=${proxy.url}`, "--proxy-bypass-list=<-loopback>"];
    window = await ElectronWindow.open(app, through);
    const { page, errors } = window;
    const { href, version, isolated, node } = await page.evaluate(() => ({
      href: location.href,
      version: Number(/Chrome\/(\d+)/.exec(navigator.userAgent)?.[1]),
      isolated: crossOriginIsolated,
      node: "require" in globalThis || "process" in globalThis,
    }));
    expect({ href, isolated, node }).toEqual({ href: "app://site/index.html", isolated: true, node: false });
    await expectVectors(page, model, "models/", { threads: version >= RELAXED_SIMD });
    await expectAnswer(page, CHAT_FILE, CURVE_KEYS.pem);
    expect(errors).toEqual([]);
    expect(proxy.tunnels).toEqual([]);
    expect(proxy.passed).toEqual([]);
    // What leaves Electron comes past here.
    await page.goto("http://elsewhere.invalid/");
    expect(proxy.passed.map(({ url }) => url.host)).toEqual(["elsewhere.invalid"]);
  });
});
