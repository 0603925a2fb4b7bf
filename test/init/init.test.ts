import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readCatalog } from "#catalog/read.ts";
import { loadConfig } from "#config-file.ts";
import { withClient } from "#db/pool.ts";
import { initialise, type InitOptions } from "#init/run-init.ts";
import { loadKeys } from "#lib/keys.ts";
import { findingsOf } from "#plan/findings.ts";
import { holderIn } from "#test/policy/holder.ts";
import { loadPolicy } from "#policy/load.ts";
import { chinookMissing, loadChinook } from "#test/support/chinook.ts";
import { letheHere } from "#test/support/here.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-init-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const optionsFor = (url: string): InitOptions => ({
  url,
  directory,
  schemas: ["public"],
  subject: undefined,
  country: "DE",
  organisation: "Music & Co: the shop",
  today: "2026-11-02",
});

const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();

describe.skipIf(chinookMissing !== undefined)(
  `init on Chinook${chinookMissing === undefined ? "" : ` (${chinookMissing})`}`,
  () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await createDatabase();
      await loadChinook(database.pool);
    });
    afterAll(() => database.drop());

    it("drafts a policy that covers the schema and contradicts nothing", async () => {
      const result = await initialise(optionsFor(database.url));
      const policy = await loadPolicy(join(directory, result.files[1] ?? ""), holderIn("DE"));
      const catalog = await withClient(database.pool, (client) =>
        readCatalog(client, { store: "shop", schemas: ["public"] }),
      );
      expect(findingsOf(policy, catalog)).toEqual([]);
      expect(policy.subject).toEqual({
        table: "customer",
        key: "customer_id",
        identifiers: { email: "email", phone: "phone" },
        names: ["first_name", "last_name"],
      });
      expect(Object.keys(policy.tables).toSorted()).toEqual([...catalog.tables.keys()].toSorted());
      expect(policy.tables["customer"]).toMatchObject({
        treatment: "anonymise",
        columns: {
          email: { kind: "unique" },
          last_name: { kind: "constant" },
          address: { kind: "null" },
          country: { kind: "keep" },
        },
      });
      expect(policy.tables["invoice"]).toMatchObject({
        treatment: "retain",
        class: "voucher",
        clock: "invoice_date",
        columns: {
          billing_address: { kind: "null" },
          billing_country: { kind: "keep" },
          total: { kind: "keep" },
          invoice_date: { kind: "keep" },
        },
      });
      expect(policy.tables["employee"]?.treatment).toBe("keep");
      expect(policy.classes["voucher"]).toMatchObject({
        basis: "HGB §257(1) no. 4, AO §147(1) no. 4",
        period: "P8Y",
        anchor: "end-of-calendar-year",
        law: { jurisdiction: "DE", class: "voucher" },
      });
    });

    it("drafts a configuration and keys that load, and writes no value and no password", async () => {
      const url = new URL(database.url);
      if (url.password === "") url.password = "hunter2";
      const result = await initialise(optionsFor(url.href));
      expect(result.variable).toMatch(/^LETHE_TEST_[0-9A-F]+_URL$/);
      const config = await loadConfig(join(directory, "lethe.yaml"), { [result.variable]: database.url });
      expect(config.controller).toMatchObject({
        name: "Music & Co: the shop",
        country: "DE",
        timeZone: "Europe/Berlin",
      });
      expect(config.stores.map(({ policy, location }) => [policy, location])).toEqual([
        [join(directory, result.files[1] ?? ""), { url: database.url }],
      ]);
      await loadKeys(config.keys);
      expect((await stat(config.keys.signing)).mode & 0o077).toBe(0);
      const written = await filesIn(directory);
      expect(written).toEqual(result.files.map((file) => join(directory, file)).toSorted());
      const texts = (await Promise.all(written.map((file) => readFile(file, "utf8")))).join("\n");
      const people = await database.query<Record<string, string | null>>(
        "select last_name, email, phone, address, postal_code from customer union all select last_name, email, phone, address, postal_code from employee",
      );
      const values = people.flatMap((row) => Object.values(row)).filter((value) => value !== null && value.length > 4);
      expect(values.length).toBeGreaterThan(200);
      for (const value of [decodeURIComponent(url.password), ...values]) expect(texts).not.toContain(value);
    });

    it("prints grants under which exactly the drafted changes are possible", async () => {
      const { grants, database: name } = await initialise(optionsFor(database.url));
      const role = `${name}_role`;
      const mine = grants.map((grant) => grant.replaceAll(/\b(to|authorization) lethe;/g, `$1 ${role};`));
      const denied = expect.objectContaining({ cause: expect.objectContaining({ code: "42501" }) });
      await database.query(`create role ${role}`);
      try {
        for (const grant of mine.slice(1)) await database.query(grant);
        const as = (sql: string): Promise<unknown> =>
          withClient(database.pool, async (client) => {
            await client.query("begin");
            await client.query(`set local role ${role}`);
            await client.query(sql);
            await client.query("rollback");
          });
        await as("select count(*) from playlist_track");
        await as("create temporary table scope (key bigint)");
        await as("create table lethe.journal (id uuid)");
        await as("update customer set email = 'x', last_name = 'erased', phone = null where customer_id = 1");
        await as("update invoice set billing_address = null where customer_id = 1");
        await as("analyze customer");
        for (const sql of [
          "update invoice set total = 0",
          "update customer set customer_id = 0",
          "update employee set email = null",
          "delete from customer",
          "delete from invoice_line",
          "insert into genre values (99)",
          "truncate playlist_track",
          "create table public.other (id int)",
        ]) {
          await expect(as(sql), sql).rejects.toEqual(denied);
        }
      } finally {
        await database.query(`drop owned by ${role} cascade`);
        await database.query(`drop role ${role}`);
      }
    });

    it("runs from the command line and says what to export", async () => {
      const args = ["init", database.url, "--directory", directory, "--country", "at", "--now", "2026-11-02T02:00:00Z"];
      const text = await letheHere(args);
      expect(text.stderr).toBe("");
      expect(text.code).toBe(0);
      expect(text.stdout).toContain("grant update (billing_address");
      expect(text.stdout).toMatch(/export LETHE_TEST_[0-9A-F]+_URL=postgres:\/\/lethe:PASSWORD@/);
      expect(await readFile(join(directory, "lethe.yaml"), "utf8")).toContain("country: AT");

      const again = await letheHere([...args, "--json"]);
      expect(again.code).toBe(2);
      expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: "FILE_EXISTS" } });
    });
  },
);

describe("init", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase(`
      create schema crm;
      create table crm.people (id bigint generated always as identity primary key, e_mail text not null unique, handle text);
      create table crm.deals (id bigint primary key, person_id bigint references crm.people, amount numeric);
      insert into crm.people (e_mail, handle) select 'p' || i || '@example.com', '+49 30 90182' || i from generate_series(1, 9) i;
      create table empty_shell (id int);`);
  });
  afterAll(() => database.drop());

  it("never overwrites a file, and writes nothing beside one", async () => {
    for (const file of ["lethe.yaml", "keys/public.pem", `policies/${database.name}.yaml`]) {
      await mkdir(join(directory, file, ".."), { recursive: true });
      await writeFile(join(directory, file), "mine");
      await expect(initialise({ ...optionsFor(database.url), schemas: ["crm"] })).rejects.toMatchObject({
        code: "FILE_EXISTS",
      });
      expect(await filesIn(directory)).toEqual([join(directory, file)]);
      expect(await readFile(join(directory, file), "utf8")).toBe("mine");
      await rm(join(directory, file));
    }
  });

  it("takes back what it wrote when a later file fails", async () => {
    await writeFile(join(directory, "policies"), "a file where a folder should be");
    await expect(initialise({ ...optionsFor(database.url), schemas: ["crm"] })).rejects.toThrow();
    expect(await filesIn(directory)).toEqual([join(directory, "policies")]);
  });

  it("reads other schemas, and goes by values where a name says nothing", async () => {
    const result = await initialise({ ...optionsFor(database.url), schemas: ["crm"] });
    const policy = await loadPolicy(join(directory, result.files[1] ?? ""), holderIn("DE"));
    expect(policy.subject).toMatchObject({ table: "crm.people", identifiers: { email: "e_mail", phone: "handle" } });
    expect(policy.tables["crm.deals"]?.treatment).toBe("anonymise");
    expect(result.grants).toContain("grant usage on schema crm to lethe;");
  });

  it("has one clear error for an address, a schema or a server that is not there", async () => {
    const at = (url: string, schemas = ["public"]) => initialise({ ...optionsFor(url), schemas });
    await expect(at("mysql://root:hunter2@localhost/db")).rejects.toMatchObject({
      code: "USAGE",
      message: expect.not.stringContaining("hunter2"),
    });
    const nowhere = initialise({ ...optionsFor(database.url), country: "XX" });
    await expect(nowhere).rejects.toMatchObject({ code: "USAGE", hint: expect.stringContaining("ISO 3166-1") });
    await expect(at("postgres://localhost")).rejects.toMatchObject({ code: "USAGE" });
    await expect(at(database.url, ["nowhere"])).rejects.toMatchObject({ code: "USAGE" });
    await expect(at(database.url)).rejects.toMatchObject({ code: "USAGE", hint: "name it with --subject TABLE" });
    await expect(at("postgres://nobody@127.0.0.1:1/db")).rejects.toMatchObject({ code: "DATABASE_REFUSED" });
    expect(await filesIn(directory)).toEqual([]);
  });
});
