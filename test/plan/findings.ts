import { afterAll, beforeAll } from "vitest";
import { probeChecks } from "#catalog/probe.ts";
import { readCatalog } from "#catalog/read.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { isLetheError } from "#lib/errors.ts";
import { findingsOf } from "#plan/findings.ts";
import { shapeOf } from "#plan/shape.ts";
import { parsePolicy } from "#policy/parse.ts";
import { policyText, type PolicyParts } from "#test/execute/night.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let database: TestDatabase;

/** To be called once by a test file that uses the functions below: every schema is made in a transaction that is undone. */
export const useScratchDatabase = (): void => {
  beforeAll(async () => {
    database = await createDatabase();
  });
  afterAll(() => database.drop());
};

const inSchema = <T>(
  schema: string,
  parts: PolicyParts,
  schemas: readonly string[],
  work: (facts: Facts) => Promise<T>,
): Promise<T> =>
  withClient(database.pool, async (client) => {
    await client.query("begin");
    try {
      await client.query(schema);
      const catalog = await readCatalog(client, { store: "shop", schemas });
      return await work({ client, catalog, policy: parsePolicy("policy.yaml", policyText(parts)) });
    } finally {
      await client.query("rollback");
    }
  });

type Facts = {
  readonly client: Parameters<typeof kyselyOn>[0];
  readonly catalog: Awaited<ReturnType<typeof readCatalog>>;
  readonly policy: ReturnType<typeof parsePolicy>;
};

/** `CODE message` of everything that is wrong between a policy and a live schema. */
export const findingsBetween = (
  schema: string,
  parts: PolicyParts,
  schemas: readonly string[] = ["public"],
): Promise<string[]> =>
  inSchema(schema, parts, schemas, async ({ client, catalog, policy }) => {
    const found = findingsOf(policy, catalog);
    if (found.length > 0) return found.map(({ code, message }) => `${code} ${message}`);
    try {
      await probeChecks(kyselyOn(client), catalog, shapeOf(policy, catalog), policy);
      return [];
    } catch (error) {
      if (!isLetheError(error)) throw error;
      return [`${error.code} ${error.message}`];
    }
  });
