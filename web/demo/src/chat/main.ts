import type { LanguageModel } from "inglenook";
import { announce } from "../view/announce";
import { byId, el } from "../view/dom";
import { ModelView } from "../view/model-view";
import { OfflineView, type Restart } from "../view/offline-view";
import { ProvenanceView } from "../view/provenance-view";
import { deviceFromAddress } from "../work/device-from-address";
import { Model } from "../work/model";
import { OfflinePage } from "../work/offline-page";
import { ComposerView } from "./composer-view";
import { Conversation } from "./conversation";
import { FactsView } from "./facts-view";
import { keep, keptTurns } from "./keep";
import { LogView } from "./log-view";
import { ModelChoiceView } from "./model-choice-view";
import { OWN } from "./sources";
import { Talk } from "./talk";

const STARTERS = [
  "Explain why the sky is blue to a child.",
  "Write a short letter that thanks a neighbour for watering the plants.",
  "Give me five names for a bakery in a harbour town.",
];

const page = new OfflinePage();
const model = new Model<LanguageModel>(deviceFromAddress(), OWN, page.begun);
const conversation = new Conversation(keptTurns());
keep(conversation);
const talk = new Talk(model, conversation);

new ModelView(model);
new ProvenanceView(model);
new ModelChoiceView(model, talk);
new FactsView(model, talk);
new LogView(conversation, talk);
new OfflineView(page, restart, [talk]);
const composer = new ComposerView(talk);

byId("load-model").addEventListener("click", () => void model.load().catch(() => undefined));
byId("cancel-model").addEventListener("click", () => model.unload());
byId("new-chat").addEventListener("click", () => clear("A new conversation."));
byId("erase").addEventListener("click", () => clear("The conversation was erased."));
byId("starters").append(
  ...STARTERS.map((text) => {
    const chip = el("button.chip", { type: "button" }, text);
    chip.addEventListener("click", () => composer.fill(text));
    return el("li", {}, chip);
  }),
);
void model.check();
void page.follow(model);

function restart(): Restart {
  return { wait: talk.busy ? "It can start when the answer is finished." : null, cost: "" };
}

function clear(what: string): void {
  talk.clear();
  announce(what);
  byId("prompt").focus();
}
