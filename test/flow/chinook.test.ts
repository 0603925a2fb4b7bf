import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePolicy } from "#policy/parse.ts";
import { lawIn } from "#test/policy/holder.ts";
import { dumpDatabase, ownTables, relationsWith, type Dump } from "#test/flow/dump.ts";
import { unzipped } from "#test/flow/unzip.ts";
import { chinookMissing, loadChinook } from "#test/support/chinook.ts";
import type { Ended } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

type Customer = {
  readonly customer_id: number;
  readonly first_name: string;
  readonly last_name: string;
  readonly email: string;
  readonly phone: string;
} & Readonly<Record<"company" | "address" | "city" | "state" | "postal_code" | "fax", string>>;

/** Umlauts, an apostrophe, a name of three words, a company, shared first names, one without a telephone. */
const byEmail = [1, 2, 5, 10, 16, 45, 46, 48, 49];
/** Written in the store with brackets and with the national zero left in: "+33 01 49 …". */
const byPhone = [14, 39, 59];
const ids = [...byEmail, ...byPhone];

/** Rows in which the subjects are, and rows that nothing may touch. */
const figures = `select
  (select count(*) from customer)::int as customers,
  (select count(*) from employee)::int as employees,
  (select count(*) from invoice)::int as invoices,
  (select count(*) from invoice_line)::int as lines,
  (select sum(total)::text from invoice) as invoiced,
  (select sum(unit_price * quantity)::text from invoice_line) as sold`;
const others = (table: string): string => `select * from ${table} where not customer_id = any ($1) order by 1`;
const untouched = async (store: TestDatabase): Promise<unknown> => ({
  employees: await store.query("select * from employee order by 1"),
  customers: await store.query(others("customer"), [ids]),
  invoices: await store.query(others("invoice"), [ids]),
  amounts: await store.query(
    "select invoice_id, customer_id, invoice_date, billing_country, total from invoice order by 1",
  ),
  references: await store.query("select customer_id, country, support_rep_id from customer order by 1"),
});

let directory: string;
let store: TestDatabase;
let state: TestDatabase;
let subjects: readonly Customer[];
/** Every value of the twelve that stands nowhere else in the store. */
let own: readonly string[];
let before: { readonly figures: unknown; readonly untouched: unknown; readonly dump: Dump };
let after: { readonly dump: Dump; readonly state: Dump };
const ended: Record<string, Ended> = {};

const run = async (name: string, args: readonly string[], now = "2026-11-02T02:00:00Z"): Promise<Ended> => {
  const result = await letheHere([...args, "--now", now], {
    cwd: directory,
    env: { [variable()]: store.url, LETHE_STATE_URL: state.url, LETHE_USER: "dpo" },
  });
  ended[name] = result;
  return result;
};
const variable = (): string => `LETHE_${store.name.toUpperCase()}_URL`;

/** The exit status; where that is not 0, with the error. */
const outcome = ({ code, stderr }: Ended): string => (code === 0 ? "0" : `${code} ${stderr}`);

const valuesOf = (customer: Customer): readonly string[] =>
  [
    `${customer.first_name} ${customer.last_name}`,
    `${customer.first_name}\t${customer.last_name}`,
    ...(["first_name", "last_name", "company", "address", "city", "state", "postal_code"] as const).map(
      (column) => customer[column],
    ),
    ...contactsOf(customer),
  ].filter((value) => value !== "");
const contactsOf = ({ email, phone, fax }: Customer): readonly string[] =>
  [email, phone, fax].filter((value) => value !== "");

const digits = (text: string): string => text.replaceAll(/\D/g, "");
const found = (dump: Dump): readonly string[] => [...new Set(own.flatMap((value) => relationsWith(dump, value)))];
/** However they are written: digits of telephones in a text whose separators are gone. */
const phonesFound = (text: string): number => {
  const dense = text.replaceAll(/[ ()./+-]/g, "");
  return subjects.filter(({ phone }) => phone !== "" && dense.includes(digits(phone).slice(-8))).length;
};

describe.skipIf(chinookMissing !== undefined)(
  `Chinook${chinookMissing === undefined ? "" : `: ${chinookMissing}`}`,
  () => {
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), "lethe-chinook-"));
      [store, state] = await Promise.all([createDatabase(), createDatabase()]);
      await loadChinook(store.pool);
      subjects = await store.query<Customer>("select * from customer where customer_id = any ($1) order by 1", [ids]);
      before = {
        figures: (await store.query(figures))[0],
        untouched: await untouched(store),
        dump: await dumpDatabase(store),
      };
      own = await onlyTheirs();

      await run("init", ["init", store.url, "--country", "DE", "--name", "Chinook"]);
    }, 60_000);
    afterAll(async () => {
      await Promise.all([store.drop(), state.drop(), rm(directory, { recursive: true, force: true })]);
    });

    /** Values that a search can hold against us: those that no other row of any table has, in any case. */
    const onlyTheirs = async (): Promise<readonly string[]> => {
      const rest = [
        ...(await store.query(others("customer"), [ids])),
        ...(await store.query(others("invoice"), [ids])),
      ].map((row) => Object.values(row).join("\n"));
      const tables = [...before.dump].filter(([name]) => !/^public\.(customer|invoice)$|pg_stat/.test(name));
      const text = [...rest, ...tables.map(([, rows]) => rows)].join("\n").toLowerCase();
      return [...new Set(subjects.flatMap(valuesOf))].filter((value) => !text.includes(value.toLowerCase()));
    };

    it("the search would find all of them: their addresses, telephones and names stand in no other row", () => {
      expect(subjects).toHaveLength(12);
      const unmistakable = subjects
        .flatMap((subject) => [subject.email, subject.phone, subject.address])
        .filter(Boolean);
      expect(own).toEqual(expect.arrayContaining(unmistakable));
      expect(own.length).toBeGreaterThan(80);
      expect(found(before.dump)).toEqual(
        expect.arrayContaining(["public.customer", "public.invoice", "pg_catalog.pg_stats", "pg_catalog.pg_statistic"]),
      );
    });

    it("the policy that was completed by hand treats each table and column that `lethe init` drafted", async () => {
      expect(ended["init"]).toMatchObject({ code: 0, stderr: "" });
      const file = join(directory, `policies/${store.name}.yaml`);
      const draft = parsePolicy(file, await readFile(file, "utf8"), lawIn("DE"));
      const fixture = join(import.meta.dirname, "chinook-policy.yaml");
      const written = await readFile(fixture, "utf8");
      const completed = parsePolicy(fixture, written, lawIn("DE"));
      const outline = ({ tables }: typeof draft): unknown =>
        Object.fromEntries(
          Object.entries(tables).map(([name, rule]) => [
            name,
            { treatment: rule.treatment, columns: "columns" in rule ? rule.columns : {} },
          ]),
        );
      expect(outline(completed)).toEqual(outline(draft));
      expect({ ...completed.subject }).toEqual({ ...draft.subject });
      await writeFile(file, written);
    });

    it("takes a file of twelve customers, an approval and one night", async () => {
      const config = join(directory, "lethe.yaml");
      const text = await readFile(config, "utf8");
      await writeFile(config, text.replace("state: { embedded: lethe }", "state: { url: '${LETHE_STATE_URL}' }"));
      const lines = subjects.map(({ customer_id: id, email, phone }) =>
        byPhone.includes(id) ? `2026-10-20,,${phone}` : `2026-10-20,${email},`,
      );
      await writeFile(join(directory, "requests.csv"), ["received,email,phone", ...lines, ""].join("\n"));

      expect(outcome(await run("check", ["policy", "check"]))).toBe("0");
      const imported = await run("import", ["request", "import", "requests.csv", "--json"]);
      expect([imported.code, JSON.parse(imported.stdout)]).toMatchObject([
        0,
        { rows: 12, accepted: 12, repeated: 0, rejectedCount: 0 },
      ]);
      expect(outcome(await run("plan", ["plan"]))).toBe("0");
      expect(outcome(await run("approve", ["request", "approve", "--all"]))).toBe("0");
      const night = await run("night", ["run", "--json"]);
      expect([night.code, night.stderr.includes("error")]).toEqual([0, false]);
      expect(JSON.parse(night.stdout)).toMatchObject({
        requests: { received: 12, done: 12, pending: 0, failed: 0, blocked: 0 },
        steps: [
          { store: store.name, table: "customer", treatment: "anonymise", rows: 12 },
          { store: store.name, table: "invoice", treatment: "retain", rows: 83 },
        ],
        residuals: 0,
      });
      after = { dump: await dumpDatabase(store), state: await dumpDatabase(state) };
    }, 60_000);

    it("leaves none of them anywhere in a full dump of the store, statistics and journal included", () => {
      expect(after.dump.size).toBeGreaterThan(80);
      expect(after.dump.get("lethe.journal_request")).not.toBe("");
      expect(found(after.dump)).toEqual([]);
      expect([...after.dump].filter(([, text]) => phonesFound(text) > 0).map(([name]) => name)).toEqual([]);
    });

    it("leaves no old value in their own rows, not even one that others bear too", async () => {
      const rows = await store.query("select * from customer where customer_id = any ($1)", [ids]);
      for (const row of rows) {
        expect(row).toMatchObject({
          first_name: "erased",
          last_name: "erased",
          company: null,
          address: null,
          city: null,
        });
        expect(row).toMatchObject({ state: null, postal_code: null, phone: null, fax: null });
        expect(row["email"]).toMatch(/^erased-[0-9a-f]{20}@invalid$/);
      }
      expect(new Set(rows.map((row) => row["email"])).size).toBe(12);
      const streets = await store.query(
        `select from invoice where customer_id = any ($1) and coalesce(billing_address, billing_city, billing_state, billing_postal_code) is not null`,
        [ids],
      );
      expect(streets).toEqual([]);
    });

    it("leaves none of them in Lethe's own tables", () => {
      expect(after.state.get("lethe.request")?.trim().split("\n")).toHaveLength(12);
      expect(found(after.state)).toEqual([]);
      expect([...after.state].filter(([, text]) => phonesFound(text) > 0).map(([name]) => name)).toEqual([]);
    });

    it("leaves none of them in the report, nor in anything that was printed", async () => {
      const { report } = JSON.parse(ended["night"]?.stdout ?? "{}") as { report: string };
      const files = new Map<string, string>(
        Object.entries(ended).map(([name, { stdout, stderr }]) => [name, stdout + stderr]),
      );
      for (const name of await readdir(report)) {
        const path = join(report, name);
        files.set(name, name.endsWith(".xlsx") ? await unzipped(path) : await readFile(path, "utf8"));
      }
      expect([...files.keys()]).toEqual(
        expect.arrayContaining(["report.json", "report.xlsx", "night", "plan", "import"]),
      );
      expect(files.get("report.xlsx")).toContain("HGB");
      expect(found(files)).toEqual([]);
      expect([...files].filter(([, text]) => phonesFound(text) > 0).map(([name]) => name)).toEqual([]);
    });

    it("keeps every row, every amount, the employees and everybody else", async () => {
      const kept = (await store.query(figures))[0];
      expect(kept).toEqual(before.figures);
      expect(kept).toMatchObject({ customers: 59, employees: 8, invoices: 412, lines: 2240, invoiced: "2328.60" });
      expect(await untouched(store)).toEqual(before.untouched);
    });

    it("ends with a bundle that verifies", async () => {
      const { report } = JSON.parse(ended["night"]?.stdout ?? "{}") as { report: string };
      expect(await run("verify", ["verify", report, "--key", "keys/public.pem"])).toMatchObject({
        code: 0,
        stderr: "",
      });
    });

    it("changes nothing in a second night", async () => {
      const night = await run("second", ["run", "--json"], "2026-11-03T02:00:00Z");
      expect([night.code, JSON.parse(night.stdout)]).toMatchObject([
        0,
        { requests: { done: 12 }, steps: [], residuals: 0 },
      ]);
      const dump = await dumpDatabase(store);
      expect(ownTables(dump)).toEqual(ownTables(after.dump));
      const journal = (of: Dump): unknown => [...of].filter(([name]) => name.startsWith("lethe."));
      expect(journal(dump)).toEqual(journal(after.dump));
    });
  },
);
