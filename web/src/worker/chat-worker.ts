/**
 * The worker of language models: takes their requests of `protocol.ts`, and owns the one wasm instance that serves
 * them. It holds one model, and all sessions of it.
 */
import { loadChat } from "./chat-load.js";
import { ChatRoom } from "./chat-room.js";
import { opened, report, reportLoad, serve, setDevice } from "./serve.js";

let room: ChatRoom | undefined;

serve(
  {
    "chat-load": async (request) => {
      const hooks = { onDevice: setDevice, onProgress: reportLoad(request) };
      const chat = await loadChat(request.params, hooks);
      room = new ChatRoom(chat);
      return { result: chat.loaded };
    },
    "chat-prompt": async (request) => {
      const { id, params } = request;
      return { result: await opened(room).prompt(id, params, (progress) => report(request, progress)) };
    },
    "chat-fork": async ({ id, params }) => ({ result: await opened(room).fork(id, params) }),
    "chat-close": async ({ id, params }) => ({ result: await opened(room).close(id, params.session) }),
    "chat-count": async ({ id, params }) => {
      return { result: await opened(room).count(id, params.messages, params.generate) };
    },
  },
  (id) => room?.cancel(id),
);
