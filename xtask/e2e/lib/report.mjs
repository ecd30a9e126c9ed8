// What was checked, and how it went. A failure does not keep the next check from running, but the program from ending well.

const file = process.argv[1].split("/").at(-1).replace(/\.mjs$/, "");
let passed = 0;
const failed = [];

/** Runs a check under a name that says what is so when it passes. */
export async function check(name, run) {
  try {
    await run();
    passed += 1;
    console.log(`ok      ${file}: ${name}`);
  } catch (error) {
    failed.push(name);
    const text = [error, error?.cause].filter(Boolean).map((each) => each.stack ?? each).join("\n");
    console.error(`FAILED  ${file}: ${name}\n${text.replace(/^/gm, "        ")}`);
  }
}

/** Says how it went and ends the program; what was started ends with it. */
export function end() {
  console.log(`${file}: ${passed} checks passed${failed.length ? `, ${failed.length} failed` : ""}`);
  process.exit(failed.length ? 1 : 0);
}

/** A part of a file's name made of a check's. */
export const slug = (name) => `${file}-${name}`.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
