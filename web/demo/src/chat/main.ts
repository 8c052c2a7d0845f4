import { LanguageModel } from "inglenook";
import { announce } from "../view/announce";
import { byId, el } from "../view/dom";
import { onDrop } from "../view/drop";
import { ModelView } from "../view/model-view";
import { deviceFromAddress } from "../work/device-from-address";
import { Model, type Source } from "../work/model";
import { ComposerView } from "./composer-view";
import { Conversation } from "./conversation";
import { FactsView } from "./facts-view";
import { keep, keptTurns } from "./keep";
import { LogView } from "./log-view";
import { Talk } from "./talk";

const STARTERS = [
  "Explain why the sky is blue to a child.",
  "Write a short letter that thanks a neighbour for watering the plants.",
  "Give me five names for a bakery in a harbour town.",
];

/** Small models repeat themselves, and do not know when to end. */
const MANNERS = { temperature: 0.7, repetitionPenalty: 1.1, maxTokens: 1024 };

/** The model that the page brings: the package's default. */
const OWN: Source<LanguageModel> = {
  fromDisk: false,
  cost: "98 MB",
  availability: () => LanguageModel.availability(),
  create: (options) => LanguageModel.create({ ...MANNERS, ...options }),
};

const model = new Model(deviceFromAddress(), OWN);
const conversation = new Conversation(keptTurns());
keep(conversation);
const talk = new Talk(model, conversation);

new ModelView(model);
new FactsView(model, talk);
new LogView(conversation, talk);
const composer = new ComposerView(talk);

byId("model-name").textContent = "SmolLM2 135M Instruct";
byId("load-model").addEventListener("click", () => void model.load().catch(() => undefined));
byId("cancel-model").addEventListener("click", () => model.unload());
byId("new-chat").addEventListener("click", () => clear("A new conversation."));
byId("erase").addEventListener("click", () => clear("The conversation was erased."));
byId("open-model").addEventListener("click", () => byId("model-input").click());
byId<HTMLInputElement>("model-input").addEventListener("change", ({ target }) => {
  const input = target as HTMLInputElement;
  open(input.files?.[0]);
  input.value = "";
});
onDrop(({ files }) => open([...files].find(({ name }) => /\.gguf$/i.test(name)) ?? files[0]));
byId("starters").append(
  ...STARTERS.map((text) => {
    const chip = el("button.chip", { type: "button" }, text);
    chip.addEventListener("click", () => composer.fill(text));
    return el("li", {}, chip);
  }),
);
void model.check();

/** Takes a model from the disk in the place of the one that is there. */
function open(file: File | undefined): void {
  if (file === undefined) return;
  talk.stop();
  byId("model-name").textContent = file.name;
  announce(`Opening ${file.name}.`);
  model.replace({
    fromDisk: true,
    cost: "",
    availability: () => LanguageModel.availability({ model: file }),
    create: (options) => LanguageModel.create({ ...MANNERS, ...options, model: file }),
  });
}

function clear(what: string): void {
  talk.clear();
  announce(what);
  byId("prompt").focus();
}
