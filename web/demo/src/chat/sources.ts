import { LanguageModel } from "inglenook";
import type { Source } from "../work/model";

/** Small models repeat themselves, and do not know when to end. */
const MANNERS = { temperature: 0.7, repetitionPenalty: 1.1, maxTokens: 1024 };

/** The model that the page brings: the package's default. */
export const OWN: Source<LanguageModel> = {
  name: "SmolLM2 135M Instruct",
  fromDisk: false,
  cost: "98 MB",
  availability: () => LanguageModel.availability(),
  create: (options) => LanguageModel.create({ ...MANNERS, ...options }),
};

/** A model that the person opened. */
export function opened(file: File): Source<LanguageModel> {
  return {
    name: file.name,
    fromDisk: true,
    cost: "",
    availability: () => LanguageModel.availability({ model: file }),
    create: (options) => LanguageModel.create({ ...MANNERS, ...options, model: file }),
  };
}
