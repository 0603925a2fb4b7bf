import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Context, Store } from "#context.ts";
import { openNight, type Night } from "#test/execute/night.ts";
import { Silhouette } from "#verify/silhouette.ts";
import type { Sought, SoughtKey } from "#verify/sought.ts";
import { verifyStore } from "#verify/verify-store.ts";

let night: Night;
beforeEach(async () => {
  night = await openNight({
    tables: "customers: { treatment: erase }",
    schema: `create table customers (id int primary key, email text);
      create table notes (t text); insert into notes select 'c' || i || '@example.com' from generate_series(1, 500) i`,
  });
});
afterEach(() => night.dispose());

async function* sought(count: number): AsyncGenerator<Sought> {
  for (let i = 1; i <= count; i += 1) yield { request: i, kind: "email", value: `c${i}@example.com` };
}
async function* keys(): AsyncGenerator<SoughtKey> {}

/** The store, with a count of what is sent to it. */
const counted = (store: Store): { store: Store; sent: () => number } => {
  let queries = 0;
  const raw = new Proxy(store.pool.raw, {
    get: (pool, name) => {
      if (name !== "connect") return Reflect.get(pool, name) as unknown;
      return async () => {
        const client = await pool.connect();
        return new Proxy(client, {
          get: (target, member) => {
            const value: unknown = Reflect.get(target, member);
            if (member === "query") queries += 1;
            return typeof value === "function" ? (value.bind(target) as unknown) : value;
          },
        });
      };
    },
  });
  return { store: { ...store, pool: { ...store.pool, raw } }, sent: () => queries };
};

test("a table is read in one statement for all subjects, ten or two hundred", async () => {
  const ctx: Context = night.context;
  const [first] = ctx.stores;
  if (first === undefined) throw new TypeError("no store");
  const statements: number[] = [];
  for (const count of [10, 200]) {
    const { store, sent } = counted(first);
    const { hits } = await verifyStore(ctx, store, { identifiers: sought(count), keys: keys() }, new Set());
    // On a busy machine autovacuum may have put some value into the statistics by now.
    expect(hits.filter(({ table }) => table !== "pg_stats")).toHaveLength(count);
    statements.push(sent());
  }
  expect(statements[0]).toBeGreaterThan(5);
  expect(statements[1]).toBe(statements[0]);
});

test("whatever identifiers are sought, PostgreSQL finds each of them by their silhouette", async () => {
  // Letters of several scripts and all that identifiers may hold besides.
  const character = fc.constantFrom(..."aZ09éßжあ._:@+-=|#'$^*()[]{}?\\%".split(""));
  const identifier = fc.string({ unit: character, minLength: 4, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(fc.array(identifier, { minLength: 1, maxLength: 12 }), async (forms) => {
      const silhouette = new Silhouette();
      for (const form of forms) silhouette.add(form);
      const missed = await night.store.query("select f from unnest($1::text[]) f where not ('x, ' || f || ' y') ~ $2", [
        forms,
        silhouette.pattern(),
      ]);
      expect(missed).toEqual([]);
    }),
    { numRuns: 150 },
  );
});
