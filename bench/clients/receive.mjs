// Arguments: CLIENT PORT EVENTS. Tells the bench the CPU time per event, in µs, from the end of the warm-up to the last.
const [name, port, events] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const { connect } = await import(`./${name}.mjs`);

const warmUp = Math.floor(events / 5);
let received = 0;
let lastId = 0;
let unordered = 0;
let before;

function onEvent(data) {
  received += 1;
  if (data.id !== lastId + 1 && received > 1) unordered += 1;
  lastId = data.id;
  if (received === warmUp) before = process.cpuUsage();
  if (received === events) {
    const { user, system } = process.cpuUsage(before);
    process.send({ cpu: (user + system) / (events - warmUp), user: user / (events - warmUp), unordered });
  }
}

process.on("disconnect", () => process.exit(0));
await connect(port, onEvent);
