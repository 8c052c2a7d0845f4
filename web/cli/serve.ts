import { stat } from "node:fs/promises";
import { serve as startServer } from "../serve.mjs";
import { type Command, CommandError, UsageError } from "./command.js";

export const serve: Command = {
  usage: "[DIR] [--port N]",
  summary: "serve a folder on this machine, cross-origin isolated, for trying out a site",
  help: `DIR is this folder unless given, and the port 8080, or any that is free. Every answer has the headers
that let models on the CPU use threads, and the type that browsers expect.`,
  options: { port: { type: "string", default: "8080" } },
  async run([root = "."], { port }) {
    const number = Number(port);
    if (!(Number.isInteger(number) && number >= 0 && number < 65_536)) {
      throw new UsageError(`serve: ${port} is no port`);
    }
    const info = await stat(root).catch(() => undefined);
    if (!info?.isDirectory()) throw new CommandError(`${root} is no folder`);
    const { url } = await startServer({ root, port: number, policy: null });
    console.log(url);
  },
};
