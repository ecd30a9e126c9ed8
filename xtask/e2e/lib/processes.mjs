// Programs that run beside the tests and end with them.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
export const demo = { email: "demo@latchkey.example", password: "three-keys-on-a-ring" };

/** How long a program may take until it is ready, in milliseconds: one of them installs and compiles itself first. */
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

/** A required environment variable. */
export function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; start this with cargo xtask e2e`);
  return value;
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/**
 * Starts a program and waits until it says that it is ready. A listener on its port is not enough: it may belong to another program,
 * and then the checks would test that one.
 */
export async function start(command, args, { ready, env = {}, cwd = root }) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that npm's children end with npm.
    detached: true,
  });
  running.add(child);
  let said = "";
  let isReady = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      said = (said + data).slice(-4000);
      isReady ||= said.includes(ready);
    });
  }
  let ended;
  child.on("error", (error) => (ended = error.message));
  child.on("exit", (code, signal) => (ended ??= `ended with ${code ?? signal}`));
  const began = Date.now();
  while (!isReady) {
    if (ended !== undefined) throw new Error(`${command} ${args.join(" ")} ${ended}\n${said}`);
    if (Date.now() - began > PATIENCE) throw new Error(`${command} ${args.join(" ")} does not say "${ready}"\n${said}`);
    await pause(20);
  }
  return {
    pid: child.pid,
    said: () => said,
    stop: () => {
      running.delete(child);
      kill(child);
    },
  };
}

const listener = (port) =>
  new Promise((done) => {
    const server = createServer().on("error", () => done(undefined));
    server.listen(port, "127.0.0.1", () => done(server));
  });

// A program is told its port before it is started, and until it listens any other program may take the port. So ports are not asked of the
// system, which gives the same ones to every other program that asks, but come from a block below those that it gives. The first of a
// block stays taken for as long as this program runs, which keeps other runs of it out.
const BLOCKS = { first: 12_000, size: 400, count: 32 };
let block;
let used = 0;

async function reserve() {
  const begin = Math.floor(Math.random() * BLOCKS.count);
  for (let at = 0; at < BLOCKS.count; at += 1) {
    const first = BLOCKS.first + ((begin + at) % BLOCKS.count) * BLOCKS.size;
    const held = await listener(first);
    if (held) {
      held.unref();
      return first;
    }
  }
  throw new Error("every block of ports is taken");
}

/** A port that nothing listens on, with the given ones above it; given away once. */
export async function freePort(above = []) {
  block ??= await reserve();
  for (;;) {
    const port = block + 1 + used;
    const all = [0, ...above].map((offset) => port + offset);
    if (all.at(-1) >= block + BLOCKS.size) throw new Error("this run has used up its ports");
    used = all.at(-1) - block;
    const servers = await Promise.all(all.map(listener));
    await Promise.all(servers.filter(Boolean).map((server) => new Promise((done) => server.close(done))));
    if (servers.every(Boolean)) return port;
  }
}

/** Starts a stack with the built-in configuration, changed by environment variables. */
export async function stack(env = {}, args = []) {
  const port = await freePort([1, 3, 22]);
  const program = await start(setting("LATCHKEY_BINARY"), ["--port-base", String(port), ...args], { ready: "Press Ctrl-C to stop", env });
  const at = (offset) => `http://127.0.0.1:${port + offset}`;
  return { ...program, api: at(0), admin: at(1), inbox: at(3), pages: at(22) };
}
