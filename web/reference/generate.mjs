/**
 * Makes the API reference out of the types and comments of `web/src`.
 *
 *     node web/reference/generate.mjs [--out FOLDER]    docs/api unless given
 *
 * Fails where something public has no comment, or a link leads nowhere.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Application, Converter, ReflectionKind } from "typedoc";
import { command, ROOT, StageError } from "../stage.mjs";

const HERE = join(ROOT, "web/reference");

const OPTIONS = {
  plugin: ["typedoc-plugin-markdown"],
  logLevel: "Warn",
  entryPoints: [join(ROOT, "web/src/index.ts")],
  tsconfig: join(HERE, "tsconfig.json"),
  // The compiler of the sources is another one, and checks them.
  skipErrorChecking: true,
  name: "API reference",
  readme: "none",
  disableSources: true,
  hideGenerator: true,
  excludePrivate: true,
  excludeExternals: true,
  sort: ["source-order"],
  router: "member",
  membersWithOwnFile: ["Class", "Variable"],
  groupOrder: [
    "Classes",
    "Variables",
    "Functions",
    "Interfaces",
    "Type Aliases",
    "Constructors",
    "Properties",
    "Accessors",
    "Methods",
  ],
  tableColumnSettings: { hideInherited: true, hideDefaults: true },
  hidePageHeader: true,
  hideBreadcrumbs: true,
  parametersFormat: "table",
  interfacePropertiesFormat: "table",
  validation: { notDocumented: true, notExported: true, invalidLink: true },
  requiredToBeDocumented: [
    "Class",
    "Interface",
    "TypeAlias",
    "Function",
    "Variable",
    "Constructor",
    "Property",
    "Method",
    "Accessor",
  ],
};

/** Lists the members of a union of words, each with its comment, which the Markdown theme leaves out. */
function listWords(context) {
  for (const { comment, type } of context.project.getReflectionsByKind(ReflectionKind.TypeAlias)) {
    if (!comment || !type?.elementSummaries) continue;
    const lines = type.types.map((member, i) => {
      const meaning = type.elementSummaries[i].map(({ text }) => text).join("");
      return `- \`${member.toString()}\`: ${meaning}`;
    });
    comment.summary.push({ kind: "text", text: `\n\n${lines.join("\n")}` });
  }
}

await command(async () => {
  const { values } = parseArgs({ options: { out: { type: "string", default: join(ROOT, "docs/api") } } });
  const app = await Application.bootstrapWithPlugins({ ...OPTIONS, out: values.out });
  app.converter.on(Converter.EVENT_RESOLVE_END, listWords);
  const project = await app.convert();
  if (project) app.validate(project);
  if (!project || app.logger.hasErrors() || app.logger.hasWarnings()) {
    throw new StageError("The API reference could not be made");
  }
  await app.generateOutputs(project);
});
