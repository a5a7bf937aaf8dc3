// Contender → connect(port), which gives `join(names)` and `leave(names)`, and `lost()` and `back(names)` for a connection that was cut:
// each resolves once it is so.
import { createChannels } from "@trunkline/channels";
import { Socket } from "phoenix";
import { io } from "socket.io-client";
import { createClient } from "trunkline";
import { WebSocket } from "ws";

const trunkline = (port) => createClient({ url: `http://127.0.0.1:${port}`, apiKey: "bench-key", backoff: () => 1 });

function becomes(client, wanted) {
  return new Promise((resolve) => {
    const undo = client.on("status", (status) => {
      if (status !== wanted) return;
      undo();
      resolve();
    });
  });
}

export const contenders = {
  trunkline: async (port) => {
    const client = trunkline(port);
    const channels = createChannels(client, { lingerMs: 0 });
    const handles = new Map();
    await client.ready();
    return {
      join: (names) => {
        for (const name of names) handles.set(name, channels.open(name));
        return Promise.all(names.map((name) => handles.get(name).ready()));
      },
      leave: async (names) => {
        for (const name of names) {
          handles.get(name).close();
          handles.delete(name);
        }
      },
      lost: () => becomes(client, "reconnecting"),
      back: () => Promise.all([...handles.values()].map((handle) => handle.ready())),
    };
  },
  "trunkline, one by one": async (port) => {
    const client = trunkline(port);
    await client.ready();
    return {
      join: (names) => Promise.all(names.map((name) => client.subscribe(name))),
      leave: async (names) => {
        for (const name of names) client.unsubscribe(name);
      },
      lost: () => becomes(client, "reconnecting"),
      back: () => client.ready(),
    };
  },
  phoenix: async (port) => {
    const socket = new Socket(`ws://127.0.0.1:${port}/socket`, {
      transport: WebSocket,
      reconnectAfterMs: () => 1,
      rejoinAfterMs: () => 1,
    });
    const channels = new Map();
    socket.connect();
    await new Promise((resolve) => socket.onOpen(resolve));
    const answered = (push) => new Promise((resolve, reject) => push.receive("ok", resolve).receive("error", reject));
    return {
      join: (names) =>
        Promise.all(
          names.map((name) => {
            channels.set(name, socket.channel(name));
            return answered(channels.get(name).join());
          }),
        ),
      leave: (names) => Promise.all(names.map((name) => answered(channels.get(name).leave()))),
      lost: () => new Promise((resolve) => socket.onClose(resolve)),
      back: async (names) => {
        while (!names.every((name) => channels.get(name).state === "joined"))
          await new Promise((resolve) => setImmediate(resolve));
      },
    };
  },
  "socket.io": async (port) => {
    const options = { transports: ["websocket"], reconnectionDelay: 1, randomizationFactor: 0 };
    const socket = io(`http://127.0.0.1:${port}`, options);
    const said = (event, names) => Promise.all(names.map((name) => socket.emitWithAck(event, name)));
    await new Promise((resolve) => socket.once("connect", resolve));
    return {
      join: (names) => said("join", names),
      leave: (names) => said("leave", names),
      lost: () => new Promise((resolve) => socket.once("disconnect", resolve)),
      // It has no rooms of its own to bring back: the page joins again.
      back: async (names) => {
        await new Promise((resolve) => socket.once("connect", resolve));
        await said("join", names);
      },
    };
  },
};
