// `npm start`: installs what is missing, builds, then runs the gateway with the playground until it is told to stop.
import { spawn } from "node:child_process";
import { env, installPackages, root, run } from "./setup.mjs";

if (!installPackages() || !run("node", ["scripts/build.mjs"])) process.exit(1);

const server = spawn("node", ["playground/dist/server/main.js"], { cwd: root, env, stdio: "inherit" });
// A terminal sends Ctrl-C to the whole group; a supervisor signals only this process. The server takes either once.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => server.kill(signal));
server.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" || signal === "SIGTERM" ? 0 : 1)));
server.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
