import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { sha256Hex } from "#lib/canonical.ts";
import { repository } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject } from "#test/support/project.ts";

const tools = ["bash", "age", "age-keygen", "jq", "sha256sum"];
const absent = tools.filter((tool) => spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0);
const needs = absent.length === 0 ? "" : ` (skipped: this machine has no ${absent.join(", ")})`;

/** The fenced blocks of the README's section, with their languages. */
const blocks = async (): Promise<readonly (readonly [string, string])[]> => {
  const readme = await readFile(join(repository, "README.md"), "utf8");
  const [, section = ""] = /^## A copy first$(.*?)^## /ms.exec(readme) ?? [];
  return [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = "", block = ""]) => [language, block]);
};

test.skipIf(needs !== "")(
  `what the README says of exports makes a key and reads one${needs}`,
  async () => {
    const [makeKey, configure, read] = await blocks();
    expect([makeKey?.[0], configure?.[0], read?.[0]]).toEqual(["sh", "yaml", "sh"]);
    const project = await createProject({
      schema: `create table customers (id int primary key, email text);
      create table orders (id int primary key, customer_id int references customers, note text);
      insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
      insert into orders values (11, 1, 'a lamp'), (21, 2, 'a chair')`,
      policy: `policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
tables:
  customers: { treatment: erase }
  orders: { treatment: erase }
`,
    });
    const { directory: cwd } = project;
    const follow = (script = "", env: Readonly<Record<string, string>> = {}) =>
      spawnSync("bash", ["-e", "-o", "pipefail", "-c", script], {
        cwd,
        env: { ...process.env, ...env },
        encoding: "utf8",
      });
    const run = (...args: string[]) =>
      letheHere([...args, "--now", "2026-11-02T02:00:00Z"], { cwd, env: { LETHE_USER: "dpo" } });
    try {
      const made = follow(makeKey?.[1]);
      const [recipient = ""] = /age1[a-z0-9]{58}/.exec(made.stderr) ?? [];
      const section = configure?.[1].replace("age1…", recipient) ?? "";
      expect(parse(section)).toEqual({ export: { directory: "exports", recipients: [recipient] } });
      const config = join(cwd, "lethe.yaml");
      await writeFile(config, `${await readFile(config, "utf8")}${section}`);
      const { ref } = JSON.parse((await run("request", "add", "--key", "1", "--json")).stdout) as { ref: string };
      await run("request", "approve", "--all");
      expect(await run("run")).toMatchObject({ code: 0 });

      const shown = JSON.parse((await run("request", "show", ref, "--json")).stdout) as {
        exports: { file: string; sha256: string }[];
      };
      const [{ file, sha256 } = { file: "", sha256: "" }] = shown.exports;
      const path = join("exports", file);
      expect(sha256Hex(await readFile(join(cwd, path)))).toBe(sha256);
      const { status, stdout } = follow(read?.[1], { EXPORT: path });
      expect({ status, stdout }).toEqual({
        status: 0,
        stdout: `${sha256}  ${path}\n{"id":11,"customer_id":1,"note":"a lamp"}\n`,
      });
    } finally {
      await project.dispose();
    }
  },
  60_000,
);
