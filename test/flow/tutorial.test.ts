import { spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closePool, openPool, type Pool } from "#db/pool.ts";
import { copyRepository } from "#test/flow/copy-repository.ts";
import { debianMissing, startDebianServer, type DebianServer } from "#test/flow/debian-server.ts";
import { repository, type Ended } from "#test/support/cli.ts";

const timeout = 300_000;

let directory: string;
let server: DebianServer;
let followed: Ended;
let shop: Pool;

/** The fenced bash blocks of the README, in order: nothing else is run, nothing is left out. */
const blocks = async (): Promise<readonly string[]> => {
  const text = await readFile(join(repository, "README.md"), "utf8");
  return [...text.matchAll(/^```bash\n(.*?)^```$/gms)].map(([, block]) => block ?? "");
};

const follow = (script: string, cwd: string, env: Readonly<Record<string, string>>): Promise<Ended> =>
  new Promise((settle, reject) => {
    const child = spawn("bash", ["-e", "-o", "pipefail", script], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const texts: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
    child.stdout.on("data", (chunk: Buffer) => texts.stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => texts.stderr.push(chunk));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const [stdout, stderr] = [texts.stdout, texts.stderr].map((chunks) => Buffer.concat(chunks).toString("utf8"));
      settle({ code, signal, stdout: stdout ?? "", stderr: stderr ?? "" });
    });
  });

/** An ordinary shell: without what the test runner adds to the environment, and without this repository's programs in its path. */
const ordinaryEnvironment = (): Record<string, string> => {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(?!config_registry|config_cache)|VITEST|NODE_|VITE|LETHE_|INIT_CWD|PG)/.test(name),
  );
  const path = (process.env["PATH"] ?? "").split(":").filter((part) => !part.includes("node_modules"));
  return { ...Object.fromEntries(kept.map(([name, value]) => [name, value ?? ""])), PATH: path.join(":") };
};

describe.skipIf(debianMissing !== undefined)(
  `the README's tutorial${debianMissing === undefined ? "" : `: ${debianMissing}`}`,
  () => {
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), "lethe-tutorial-"));
      // Lethe's own embedded server runs as another account when this is root.
      await chmod(directory, 0o755);
      server = await startDebianServer();
      await copyRepository(join(directory, "lethe"));
      const owner = `postgres://postgres:${server.password}@127.0.0.1:${server.port}`;
      const script = join(directory, "tutorial.sh");
      await writeFile(script, (await blocks()).join("\n"));
      followed = await follow(script, join(directory, "lethe"), {
        ...ordinaryEnvironment(),
        SERVER: `127.0.0.1:${server.port}`,
        OWNER: owner,
        NO_COLOR: "1",
        npm_config_prefer_offline: "true",
        npm_config_audit: "false",
        npm_config_fund: "false",
      });
      shop = openPool({ url: `${owner}/shop`, applicationName: "lethe test", label: "shop" });
    }, timeout);
    afterAll(async () => {
      await closePool(shop);
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    });

    it("goes through, step by step, to a report that verifies", () => {
      expect(followed.code === 0 ? "" : followed.stderr.slice(-2000)).toBe("");
      expect(followed.stdout).toContain("✓");
    });

    it("forgets Ada and customer 7, and nobody else", async () => {
      const { rows } = await shop.raw.query(`select
        (select count(*) from customers where email like 'erased-%@invalid' and phone is null)::int as erased,
        (select count(*) from customers where email like 'customer%')::int as others,
        (select count(*) from customers c where c::text ~* '\\mada\\M|lovelace|customer7@')::int as found,
        (select count(*) from support_tickets t where t::text ~* 'ada|7946')::int as told,
        (select count(*) from best_customers b where b::text ~* 'lovelace|customer7@')::int as viewed,
        (select count(*) from pg_stats s where s::text ~* 'lovelace|customer7@')::int as counted,
        (select count(*) from invoices)::int as invoices,
        (select count(*) from invoices where billing_street is null)::int as streetless`);
      expect(rows).toEqual([
        { erased: 2, others: 499, found: 0, told: 0, viewed: 0, counted: 0, invoices: 1503, streetless: 6 },
      ]);
    });

    it("works with a role that holds the printed grants and owns nothing but its journal", async () => {
      const { rows } = await shop.raw.query(`select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls,
          (select count(*)::int from pg_class c where c.relowner = r.oid and c.relnamespace <> 'lethe'::regnamespace and c.relkind in ('r', 'm')) as owned,
          has_table_privilege('lethe', 'customers', 'delete') as may_delete,
          has_column_privilege('lethe', 'invoices', 'total', 'update') as may_change_amounts
        from pg_roles r where rolname = 'lethe'`);
      expect(rows).toEqual([
        {
          rolsuper: false,
          rolcreaterole: false,
          rolcreatedb: false,
          rolbypassrls: false,
          owned: 0,
          may_delete: false,
          may_change_amounts: false,
        },
      ]);
    });

    it("lets that role analyse and refresh what it may change, and nothing else", async () => {
      await shop.raw.query("create table payroll (id int primary key, salary numeric)");
      const own = openPool({
        url: `postgres://lethe:choose-a-password@127.0.0.1:${server.port}/shop`,
        applicationName: "lethe test",
        label: "shop",
      });
      try {
        if (server.version >= 17) return;
        await own.raw.query("select lethe.analyze_table('customers')");
        await own.raw.query("select lethe.refresh_view('best_customers')");
        const refused = own.raw.query("select lethe.analyze_table('payroll')");
        await expect(refused).rejects.toMatchObject({ code: "42501" });
        const smuggled = own.raw.query(`select lethe.refresh_view('"best_customers; drop table payroll"')`);
        await expect(smuggled).rejects.toMatchObject({ code: "42P01" });
      } finally {
        await closePool(own);
      }
    });
  },
);
