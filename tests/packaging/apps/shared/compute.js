// Embeds and chats without a page, and says what came out. It destroys nothing: the process has to end even so.
import { readFile } from "node:fs/promises";
import { argv } from "node:process";
import { Embedder, LanguageModel } from "inglenook";

const { embed, chat } = JSON.parse(await readFile(argv[2], "utf8"));
const embedder = await Embedder.create(embed.options);
const vectors = await embedder.embed(embed.texts);
const session = await LanguageModel.create(chat.options);
const answer = await session.prompt(chat.messages);
console.log(JSON.stringify({ vectors: vectors.map((vector) => [...vector]), answer }));
