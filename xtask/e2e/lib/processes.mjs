// Programs that run beside the tests and end with them.
import { spawn } from "node:child_process";
import { createServer, connect } from "node:net";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
export const demo = { email: "demo@latchkey.example", password: "three-keys-on-a-ring" };

/** How long a program may take until it listens, in milliseconds: one of them installs and compiles itself first. */
const PATIENCE = 180_000;
const running = new Set();

process.on("exit", () => running.forEach(kill));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** Ends a program with everything that it started. */
function kill(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** A value that somebody must have set. */
export function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; start this with cargo xtask e2e`);
  return value;
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Starts a program and waits until it listens. What it said is told when it ends early. */
export async function start(command, args, { port, env = {}, cwd = root }) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that npm's children end with npm.
    detached: true,
  });
  running.add(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said = (said + data).slice(-4000)));
  let ended;
  child.on("error", (error) => (ended = error.message));
  child.on("exit", (code, signal) => (ended ??= `ended with ${code ?? signal}`));
  const began = Date.now();
  while (!(await listens(port))) {
    if (ended !== undefined) throw new Error(`${command} ${args.join(" ")} ${ended}\n${said}`);
    if (Date.now() - began > PATIENCE) throw new Error(`${command} ${args.join(" ")} does not listen on ${port}\n${said}`);
    await pause(50);
  }
  return {
    said: () => said,
    stop: () => {
      running.delete(child);
      kill(child);
    },
  };
}

const listens = (port) =>
  new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => (socket.destroy(), done(true)));
    socket.on("error", () => done(false));
  });

const listener = (port) =>
  new Promise((done) => {
    const server = createServer().on("error", () => done(undefined));
    server.listen(port, "127.0.0.1", () => done(server));
  });

/** A port that nothing listens on, with the given ones above it. */
export async function freePort(above = []) {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const first = await listener(0);
    const port = first.address().port;
    const others = await Promise.all(above.filter(() => port < 65_000).map((offset) => listener(port + offset)));
    const all = [first, ...others];
    await Promise.all(all.filter(Boolean).map((server) => new Promise((done) => server.close(done))));
    if (port < 65_000 && all.every(Boolean)) return port;
  }
  throw new Error("there is no free port");
}

/** Starts a stack with the built-in configuration, changed by environment variables. */
export async function stack(env = {}, args = []) {
  const port = await freePort([1, 3, 22]);
  const program = await start(setting("LATCHKEY_BINARY"), ["--port-base", String(port), ...args], { port, env });
  const at = (offset) => `http://127.0.0.1:${port + offset}`;
  return { ...program, api: at(0), admin: at(1), inbox: at(3), pages: at(22) };
}
