// The client as an ES module, with no build step of the page.
import { createClient } from "/trunkline.js";

const { publicKey } = await (await fetch("/settings.json")).json();
const client = createClient({ url: location.origin, publicKey });

client.on("status", (status) => {
  const badge = document.getElementById("status");
  badge.textContent = status;
  badge.dataset.status = status;
});
client.on("*", (data, { event }) => {
  const line = document.createElement("li");
  line.textContent = `${event} ${JSON.stringify(data)}`;
  document.getElementById("log").prepend(line);
});
