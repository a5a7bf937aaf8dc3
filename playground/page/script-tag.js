// The client from a script tag: the global `trunkline`.
async function start() {
  const { publicKey } = await (await fetch("/settings.json")).json();
  const client = window.trunkline.createClient({ url: location.origin, publicKey });

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
}

void start();
