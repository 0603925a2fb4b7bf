import { afterEach, describe, expect, test } from "vitest";
import { inProcess, openColumns } from "#test/clickhouse/columns-night.ts";
import { customers, webPolicy, webTables } from "#test/clickhouse/web.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night | undefined;
afterEach(async () => {
  await night?.dispose();
  night = undefined;
});

type Row = readonly [user: number, month: number, country: string, amount: number | null, plan: string | null];

/** In two of three classes of a month everybody is alike, or few are there; NULL is a value. */
const rows: readonly Row[] = Array.from({ length: 270 }, (_, index): Row => {
  const user = (index % 9) + 1;
  const country = ["DE", "US", "FR", "JP", "DE"][Math.floor(index / 9) % 5] ?? "";
  const month = index < 27 ? 1 : 2 + (index % 3);
  const amount = month === 2 ? 1000 + index : index % 11 === 0 ? null : index % 17;
  const plan =
    month === 1
      ? "free"
      : month === 3
        ? index % 2 === 0
          ? null
          : "pro"
        : (["free", "pro", "team"][(index % 7) % 3] ?? "");
  return [user, month, country, amount, plan];
});

const quoted = (value: string | number | null): string =>
  value === null ? "null" : typeof value === "number" ? String(value) : `'${value}'`;

const values = rows
  .map(([user, month, country, amount, plan]) => {
    const email = `p${user}@shop.example`;
    return `(${[user, email, `2026-0${month}-15 12:00:00`, country, amount, plan].map(quoted).join(", ")})`;
  })
  .join(", ");

const rule = (gate: string): string => `treatment: anonymise
    quasi: [country, at]
    k: 3
    ${gate}
    clock: at
    conserve: [count, sum(amount)]
    columns:
      user_id: { set: null }
      email: { set: '' }
      at: { truncate: month }
      country: { generalise: { map: { DE: Europe, FR: Europe }, otherwise: elsewhere } }
      amount: keep
      plan: keep
`;

const asked = [1, 2, 3, 5, 8].map((n) => ({ email: `p${n}@shop.example` }));

/** What becomes of those who ask: their state, and of whom has to wait what was measured. */
const outcomes = async (opened: Night): Promise<readonly unknown[]> => {
  night = opened;
  await opened.ask(...asked);
  await opened.nightly();
  return (await opened.requests()).map(({ state, code, detail }) => ({
    state,
    code,
    rows: detail?.rows,
    measured: detail?.measured,
  }));
};

const inPostgres = (gate: string): Promise<Night> =>
  openNight({
    schema: `${customers} create table events (id bigint generated always as identity primary key, user_id int references customers, email text,
        at timestamptz, country text, amount numeric(12, 2), plan text);
      insert into events (user_id, email, at, country, amount, plan) values ${values.replaceAll(":00'", ":00Z'")}`,
    tables: `customers: { treatment: anonymise, columns: { email: { set: null } } }\nevents:\n    ${rule(gate)}`,
  });

const inColumns = (gate: string): Promise<Night> => {
  const from = webPolicy.indexOf("treatment: anonymise");
  const to = webPolicy.indexOf("  pageviews: {");
  return openColumns({
    columns: `${webPolicy.slice(0, from)}${rule(gate)}${webPolicy.slice(to)}`,
    columnTables: [
      ...webTables
        .slice(0, 4)
        .map((statement) =>
          statement.replace("amount Decimal(12, 2)", "amount Nullable(Decimal(12, 2)), plan Nullable(String)"),
        ),
      `insert into web.events values ${values}`,
    ],
  });
};

describe.skipIf(!inProcess)("on the same rows the gates of PostgreSQL and ClickHouse", () => {
  test.each([
    ["k", "late: wait"],
    ["l of categories", "sensitive: [plan]\n    l: 2"],
    ["l and t of an order", "sensitive: [amount]\n    l: 3\n    t: 0.2"],
    ["t of categories", "sensitive: [plan]\n    t: 0.3"],
    ["l and t of both", "sensitive: [plan, amount]\n    l: 3\n    t: 0.45"],
  ])("let the same people wait for %s, with the same numbers", async (_, gate) => {
    const expected = await outcomes(await inPostgres(gate));
    await night?.dispose();
    const found = await outcomes(await inColumns(gate));
    expect(found).toEqual(expected);
  });
});
