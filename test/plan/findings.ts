import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { Catalog } from "#catalog/catalog.ts";
import { probeChecks } from "#catalog/probe.ts";
import { readCatalog } from "#catalog/read.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { isLetheError, type Place } from "#lib/errors.ts";
import type { Finding } from "#plan/finding.ts";
import { findingsOf } from "#plan/findings.ts";
import { shapeOf } from "#plan/shape.ts";
import { holderIn } from "#test/policy/holder.ts";
import { loadPolicy } from "#policy/load.ts";
import { parsePolicy } from "#policy/parse.ts";
import type { Policy } from "#policy/policy.ts";
import { probeConditions } from "#scope/probe-conditions.ts";
import { probeReadings } from "#scope/probe-readings.ts";
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
  schemas: readonly string[],
  work: (client: Parameters<typeof kyselyOn>[0], catalog: Catalog) => Promise<T>,
): Promise<T> =>
  withClient(database.pool, async (client) => {
    await client.query("begin");
    try {
      await client.query(schema);
      return await work(client, await readCatalog(client, { store: "shop", schemas }));
    } finally {
      await client.query("rollback");
    }
  });

/** What Lethe reads of a schema. */
export const catalogOfSchema = (schema: string): Promise<Catalog> =>
  inSchema(schema, ["public"], (_, catalog) => Promise.resolve(catalog));

const findingsIn = async (
  client: Parameters<typeof kyselyOn>[0],
  catalog: Catalog,
  policy: Policy,
): Promise<readonly (Omit<Finding, "place"> & { readonly place: Place | undefined })[]> => {
  const found = findingsOf(policy, catalog);
  if (found.length > 0) return found;
  const db = kyselyOn(client);
  try {
    const shape = shapeOf(policy, catalog);
    await probeChecks(db, catalog, shape, policy);
    await probeConditions(db, catalog, policy);
    await probeReadings(db, catalog, shape, policy);
    return [];
  } catch (error) {
    if (!isLetheError(error)) throw error;
    return [{ code: error.code, message: error.message, place: error.place, hint: error.hint }];
  }
};

/** `CODE message` of everything that is wrong between a policy and a live schema. */
export const findingsBetween = (
  schema: string,
  parts: PolicyParts,
  schemas: readonly string[] = ["public"],
): Promise<string[]> =>
  inSchema(schema, schemas, async (client, catalog) => {
    const found = await findingsIn(client, catalog, parsePolicy("policy.yaml", policyText(parts)));
    return found.map(({ code, message }) => `${code} ${message}`);
  });

export type Placed = {
  /** The file's name, and the line as it stands there from the finding's column on. */
  readonly file: string;
  readonly at: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
};

/** The same with places and hints, of a policy file that is loaded for a controller in `country`; a policy that cannot be read has one. */
export const placedFindings = async (
  schema: string,
  parts: PolicyParts,
  country?: string,
): Promise<readonly Placed[]> => {
  const directory = await mkdtemp(join(tmpdir(), "lethe-policy-"));
  const text = policyText(parts);
  const file = join(directory, "shop.yaml");
  const placed = ({ code, message, place, hint }: Omit<Finding, "place"> & { readonly place: Place | undefined }) => ({
    file: basename(place?.file ?? ""),
    at: text.split("\n")[(place?.line ?? 0) - 1]?.slice((place?.column ?? 1) - 1) ?? "",
    code,
    message,
    hint,
  });
  try {
    await writeFile(file, text);
    const policy = await loadPolicy(file, country === undefined ? undefined : holderIn(country));
    return await inSchema(schema, ["public"], async (client, catalog) =>
      (await findingsIn(client, catalog, policy)).map(placed),
    );
  } catch (error) {
    if (!isLetheError(error, "POLICY_INVALID")) throw error;
    return [placed({ code: error.code, message: error.message, place: error.place, hint: error.hint })];
  } finally {
    await rm(directory, { recursive: true });
  }
};
