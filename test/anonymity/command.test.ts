import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

const schema = `
create table customers (id int primary key, email text not null);
create domain document as json;
create table events (id bigint primary key, customer_id int references customers, country text, plan text, amount numeric(10,2), payload json, scan document);
insert into customers values (1, 'otto@example.org');
insert into events select n, 1, case when n <= 6 then 'DE' end, case when n % 2 = 0 then 'pro' else 'free' end, n % 3, '{}' from generate_series(1, 10) n;
`;
const policy = `
policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
tables:
  customers: { treatment: anonymise, columns: { email: { unique: "erased-{random}@invalid" } } }
  events:
    treatment: anonymise
    quasi: [country, plan]
    k: 3
    columns: { customer_id: { set: null }, country: keep, plan: keep, amount: keep, payload: { set: null }, scan: { set: null } }
`;

let project: Project;
beforeAll(async () => {
  project = await createProject({ schema, policy });
});
afterAll(() => project.dispose());

const lethe = (...args: string[]) => letheHere(args, { cwd: project.directory });

describe("lethe anonymity measure", () => {
  it("measures a table by the policy's quasi-identifiers and k, NULLs as a class of their own", async () => {
    const { code, stdout } = await lethe("--json", "anonymity", "measure", "events", "--sensitive", "amount,plan_x");
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "USAGE" } });

    const measured = await lethe("--json", "anonymity", "measure", "events", "--sensitive", "amount");
    expect(measured.code).toBe(0);
    expect(JSON.parse(measured.stdout)).toMatchObject({
      store: "shop",
      table: "events",
      quasi: ["country", "plan"],
      threshold: 3,
      rows: 10,
      classes: 4,
      k: 2,
      unique: 0,
      below: 4,
      sizes: [{ from: 2, to: 3, classes: 4, rows: 10 }],
      sensitive: [{ column: "amount", ordered: true, values: 3, l: 2 }],
    });
  });

  it("shows people k, how many rows are hidden badly, and how large classes are", async () => {
    const { code, stdout } = await lethe(
      "anonymity",
      "measure",
      "events",
      "--quasi",
      "country",
      "--sensitive",
      "plan",
      "--k",
      "5",
    );
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        "events in shop: 10 rows in 2 classes of country",
        "",
        "measure  value",
        "k            4  rows in the smallest class",
        "alone        0  rows that nobody shares a class with",
        "below 5      4  rows in classes of fewer than 5",
        "",
        "class size  classes  rows",
        "    4 to 7        2    10  ████████████████████████████████",
        "",
        "sensitive  as          values  l  entropy l       t",
        "plan       categories       2  2       2.00  0.0000",
        "",
      ].join("\n"),
    );
  });

  it.each([
    [["evnts"], "there is no table of store shop called evnts", "did you mean events?"],
    [["events", "--quasi", "land"], "there is no column of events called land", "it has id, customer_id, country"],
    [["events", "--sensitive", "plan"], "plan cannot be a quasi-identifier and sensitive at once", "what everybody"],
    [
      ["events", "--quasi", "scan"],
      "values of events.scan cannot be compared: they are document, made of json",
      "measure columns",
    ],
    [["events", "--quasi", "payload"], "values of events.payload cannot be compared: they are json", "measure columns"],
    [["customers"], "the policy names no quasi-identifiers of customers", "--quasi"],
    [["events", "--store", "shap"], "there is no store called shap", "did you mean shop?"],
  ])("refuses %j", async (args, message, hint) => {
    const { code, stdout } = await lethe("--json", "anonymity", "measure", ...args);
    expect(code).toBe(2);
    const { error } = JSON.parse(stdout) as { error: Record<string, string> };
    expect(error).toMatchObject({ code: "USAGE", message });
    expect(error["hint"]).toContain(hint);
  });

  it.each([
    ["--k", "1"],
    ["--k", "many"],
    ["--quasi", "country,"],
  ])("refuses %s %s", async (...option) => {
    const { code } = await lethe("anonymity", "measure", "events", ...option);
    expect(code).toBe(2);
  });
});
