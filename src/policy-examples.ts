import { sql } from "kysely";
import type { Catalog } from "#catalog/catalog.ts";
import type { Context } from "#context.ts";
import { createJournal } from "#db/journal.ts";
import { exampleFinding, givenFindings, type Numbered } from "#examples/given.ts";
import { relocate, tablesOf } from "#examples/relocate.ts";
import { runExample } from "#examples/run-example.ts";
import { createStandIns } from "#examples/tables.ts";
import { inUndoneTransaction, type StoreSession } from "#execute/store-session.ts";
import { canonicalJson } from "#lib/canonical.ts";
import type { Finding } from "#plan/finding.ts";
import { findingsOf } from "#plan/findings.ts";
import { shapeOf } from "#plan/shape.ts";
import type { Policy } from "#policy/policy.ts";
import { createScopeTables } from "#scope/derive.ts";

export type ExampleCheck = { readonly run: number; readonly held: number; readonly findings: readonly Finding[] };

type Findings = Map<Numbered, readonly Finding[]>;

/**
 * Runs the examples of a policy by the statements of a night, on temporary tables like the store's, in a transaction that is undone and
 * that the database keeps from writing anywhere else: the store's rows are neither read nor touched, and nothing stays. Triggers, foreign
 * keys and views take no part. Findings are returned, not thrown.
 */
export const checkExamples = async (ctx: Context, session: StoreSession, catalog: Catalog): Promise<ExampleCheck> => {
  const { policy } = session.store;
  const numbered = policy.examples.map((example, index): Numbered => ({ example, index }));
  const found: Findings = new Map(numbered.map((each) => [each, givenFindings(policy, catalog, each)]));
  const fit = numbered.filter((each) => found.get(each)?.length === 0);
  // Other options are other rules.
  for (const alike of Map.groupBy(fit, ({ example }) => canonicalJson(example.options)).values()) {
    const varied = policy.withOptions(alike[0]?.example.options ?? {});
    for (const [each, findings] of await runAlike(ctx, session, catalog, varied, alike)) found.set(each, findings);
  }
  const results = [...found.values()];
  return { run: results.length, held: results.filter(({ length }) => length === 0).length, findings: results.flat() };
};

const runAlike = async (
  ctx: Context,
  session: StoreSession,
  catalog: Catalog,
  policy: Policy,
  examples: readonly Numbered[],
): Promise<Findings> => {
  const { db } = session;
  const [wrong] = findingsOf(policy, catalog);
  if (wrong !== undefined) {
    const what = `with these options the policy is refused: ${wrong.message}`;
    return new Map(examples.map((each) => [each, [exampleFinding(policy, each, ["options"], what, wrong.hint)]]));
  }
  const shape = shapeOf(policy, catalog);
  return inUndoneTransaction(session, async () => {
    const given = examples.flatMap(({ example }) => Object.keys(example.given));
    const standIns = await createStandIns(db, catalog, new Set([...tablesOf(shape), ...given]), examples);
    await createJournal(db, "pg_temp");
    const relocated = relocate(shape, (name) => {
      const standIn = standIns.get(name);
      // A statement must not reach a table of the store.
      if (standIn === undefined) throw new TypeError(`no table stands for ${name}`);
      return standIn.at;
    });
    await createScopeTables(db, relocated);
    // From here on PostgreSQL itself refuses to write anywhere but into temporary tables.
    await sql`set transaction read only`.execute(db);
    const findings: Findings = new Map();
    for (const each of examples) findings.set(each, await runExample(ctx, session, policy, relocated, standIns, each));
    return findings;
  });
};
