import { sql } from "kysely";
import { forecastColumns } from "#clickhouse/forecast.ts";
import { everyStore, type Context } from "#context.ts";
import { canonicalJson, digestOf } from "#lib/canonical.ts";
import { normaliseFound } from "#lib/search-forms.ts";
import type { Plan, Shape } from "#records/plan.ts";
import { planBatch } from "#night/batch-plan.ts";
import { catalogOf, inTransaction, withStoreSession, type StoreSession } from "#execute/store-session.ts";
import type { PlanFor } from "#intake/approve.ts";
import { holdsNow } from "#night/held.ts";
import { readPassedOn } from "#night/passed-on.ts";
import { planHash, planOf, shapeDigest, shapeOf } from "#plan/shape.ts";
import { createScopeTables } from "#scope/derive.ts";
import { probeConditions } from "#scope/probe-conditions.ts";
import { probeReadings } from "#scope/probe-readings.ts";
import { borneBySeveral, locate, type Located, type Wanted } from "#scope/locate.ts";
import { unnamed } from "#scope/subjects.ts";
import type { ScopeSubject } from "#scope/derive.ts";
import { probeChecks } from "#catalog/probe.ts";

export type RequestName = { readonly id: number; readonly ref: string };

/** What would happen to some requests in one store, were it done now. */
export type Forecast = {
  readonly store: string;
  readonly shape: Shape;
  readonly plan: Plan;
  readonly hash: string;
  readonly located: readonly string[];
  readonly notFound: readonly string[];
  readonly ambiguous: readonly string[];
  readonly blocked: readonly {
    readonly request: string;
    readonly code: string;
    readonly table: string;
    readonly rows: number;
    readonly also: readonly string[];
  }[];
  /** Rows that legal holds cover: they wait with what they refer to, and the rest of these requests goes. */
  readonly held: readonly {
    readonly request: string;
    readonly table: string;
    readonly rows: number;
    readonly matters: readonly string[];
  }[];
};

/** The rules for a store as it is now, tried against its check constraints and types. Throws every finding at once. */
export const currentShape = async (
  session: StoreSession,
): Promise<{ shape: Shape; catalog: Awaited<ReturnType<typeof catalogOf>> }> =>
  inTransaction(session, "read-only", async () => {
    const catalog = await catalogOf(session);
    const shape = shapeOf(session.store.policy, catalog);
    await probeChecks(session.db, catalog, shape, session.store.policy);
    await probeConditions(session.db, catalog, session.store.policy);
    await probeReadings(session.db, catalog, shape, session.store.policy);
    return { shape, catalog };
  });

/** A policy that does not fit the store says so before what it names is looked for there. */
export const fitting =
  (work: (session: StoreSession) => Promise<void>) =>
  async (session: StoreSession): Promise<void> => {
    await currentShape(session);
    await work(session);
  };

/**
 * Plans the given requests against every store and changes nothing: neither the stores nor our own records. Identifiers found in one store's
 * root row serve as keys in the next.
 */
export const forecast = async (ctx: Context, requests: readonly RequestName[]): Promise<readonly Forecast[]> =>
  (await foresee(ctx, requests)).forecasts;

/** Whose rows could go in one store as a whole, and nothing stops: neither blockers nor legal holds. Changes nothing. */
export const whoCanGo = async (
  ctx: Context,
  store: string,
  requests: readonly RequestName[],
): Promise<readonly ScopeSubject[]> => {
  const { forecasts, found } = await foresee(ctx, requests);
  const forecasted = forecasts.find((each) => each.store === store);
  const held = new Set(forecasted?.held.map(({ request }) => request));
  const free = new Set(forecasted?.plan.requests.filter((ref) => !held.has(ref)));
  const refs = new Map(requests.map(({ id, ref }) => [id, ref]));
  return unnamed(
    found.flatMap(({ request, store: where, key }) => {
      const ref = refs.get(request) ?? "";
      return where === store && free.has(ref) ? [{ request, ref, key }] : [];
    }),
  );
};

/** With whom was found where: that is no part of a forecast, which people look at. */
const foresee = async (
  ctx: Context,
  requests: readonly RequestName[],
): Promise<{ forecasts: readonly Forecast[]; found: readonly FoundIn[] }> => {
  const found: FoundIn[] = [];
  const forecasts: Forecast[] = [];
  const ids = requests.map(({ id }) => id);
  const { identifiers } = await readPassedOn(
    ctx,
    () => sql`r.id = any (${ids}::bigint[])`,
    async (store, work) => {
      await withStoreSession(store, fitting(work));
      return true;
    },
  );
  const known: Known = { found, othersToo: new Set(identifiers.map(nameOf)) };
  for (const store of ctx.stores) {
    forecasts.push(await withStoreSession(store, (session) => forecastStore(ctx, session, requests, known)));
  }
  for (const store of ctx.columnStores) {
    const wanted = await wantedFrom(ctx, store.name, requests, known);
    const foreseen = await forecastColumns(ctx, store, requests, { wanted, before: found });
    forecasts.push(foreseen.forecast);
    found.push(...foreseen.found);
  }
  return { forecasts, found };
};

export type FoundIn = Located & { readonly store: string };

/** What other stores tell of the requests: who was found there, and which identifiers are somebody else's by now, or as well. */
type Known = { readonly found: FoundIn[]; readonly othersToo: Set<string> };

const nameOf = ({ request, kind, value }: Wanted): string => `${request} ${kind} ${value}`;

const forecastStore = async (
  ctx: Context,
  session: StoreSession,
  requests: readonly RequestName[],
  known: Known,
): Promise<Forecast> => {
  const { shape, catalog } = await currentShape(session);
  await createScopeTables(session.db, shape);
  const here = await locateNamed(ctx, session, requests, known);
  const byRequest = Map.groupBy(here, ({ request }) => request);
  const one = here.filter(({ request }) => byRequest.get(request)?.length === 1);
  const refs = new Map(requests.map(({ id, ref }) => [id, ref]));
  const subjects = unnamed(one.map(({ request, key }) => ({ request, ref: refs.get(request) ?? "", key })));
  const holds = await holdsNow(ctx, session.store, catalog);
  const first = await planBatch(ctx, session, shape, subjects, holds);
  const blocked = new Set(first.blocked.map(({ request }) => request));
  const free = subjects.filter(({ request }) => !blocked.has(request));
  const rows = blocked.size === 0 ? first : await planBatch(ctx, session, shape, free);
  const plan = planOf(
    shape,
    free.map(({ ref }) => ref),
    rows,
  );
  known.found.push(...one.map((each) => ({ ...each, store: session.store.name })));
  if (everyStore(ctx).length > 1) {
    for (const each of await sharedOf(session, identifiersOf(ctx, one))) known.othersToo.add(nameOf(each));
  }
  return {
    store: session.store.name,
    shape,
    plan,
    hash: planHash(plan),
    located: one.map(({ request }) => refs.get(request) ?? ""),
    notFound: requests.filter(({ id }) => !byRequest.has(id)).map(({ ref }) => ref),
    ambiguous: requests.filter(({ id }) => (byRequest.get(id)?.length ?? 0) > 1).map(({ ref }) => ref),
    blocked: first.blocked.map(({ request, code, table, rows: stopping, also }) => ({
      request: refs.get(request) ?? "",
      code,
      table,
      rows: stopping,
      also,
    })),
    held: first.held.rows.map(({ request, ...held }) => ({ request: refs.get(request) ?? "", ...held })),
  };
};

const locateNamed = (
  ctx: Context,
  session: StoreSession,
  requests: readonly RequestName[],
  known: Known,
): Promise<Located[]> =>
  inTransaction(session, "read-write", async () => {
    const wanted = await wantedFrom(ctx, session.store.name, requests, known);
    const here: Located[] = [];
    for await (const rows of locate(session.client, session.db, session.store.policy.subject, wanted))
      here.push(...rows);
    return here;
  });

/** By what requests are looked up in a store, as long as nothing of them is on record but what was asked. */
const wantedFrom = async (
  ctx: Context,
  store: string,
  requests: readonly RequestName[],
  { found, othersToo }: Known,
): Promise<AsyncIterable<Wanted>> => {
  const ids = requests.map(({ id }) => id);
  const own = await sql<Wanted>`select request_id as request, kind, value from lethe.request_identifier
      where not settled and request_id = any (${ids}::bigint[])`.execute(ctx.state.db);
  // Who was found once is the same person ever after.
  const known = await sql<
    Wanted & { readonly gone: boolean }
  >`select request_id as request, 'identity' as kind, key as value, gone from lethe.identity
      where store = ${store} and request_id = any (${ids}::bigint[])`.execute(ctx.state.db);
  const settled = new Set(known.rows.map(({ request }) => request));
  // A bare number as key is one of the first store.
  const first = ctx.stores[0]?.name === store;
  const asked = own.rows.filter(({ kind, value }) => first || kind !== "key" || !/^[0-9]+$/.test(value));
  async function* wanted(): AsyncGenerator<Wanted> {
    yield* known.rows.filter(({ gone }) => !gone);
    for (const each of [...asked, ...identifiersOf(ctx, found)]) {
      if (!settled.has(each.request) && !othersToo.has(nameOf(each))) yield each;
    }
  }
  return wanted();
};

/** By what those who were found in a store are looked up in the others. */
const identifiersOf = (ctx: Context, found: readonly Located[]): readonly Wanted[] =>
  found.flatMap(({ request, values }) =>
    values.flatMap(({ kind, value }): Wanted[] => {
      if (kind === "name" || kind === "key") return [];
      return [{ request, kind, value: normaliseFound(kind, value, ctx.config.controller.country) }];
    }),
  );

/** Those of the identifiers found in a store that somebody else there bears as well. */
const sharedOf = (session: StoreSession, found: readonly Wanted[]): Promise<Wanted[]> =>
  inTransaction(session, "read-write", async () => {
    async function* wanted(): AsyncGenerator<Wanted> {
      yield* await Promise.resolve(found);
    }
    const shared: Wanted[] = [];
    for await (const rows of borneBySeveral(session.client, session.db, session.store.policy.subject, wanted()))
      shared.push(...rows);
    return shared;
  });

/** What approval binds to: the hash of all stores' plans, the digest of each store's rules, and whom the requests mean. */
export const planForApproval: PlanFor = async (ctx, requests) => {
  const { forecasts, found } = await foresee(ctx, requests);
  return {
    hash: digestOf(forecasts.map(({ store, hash }) => ({ store, hash }))),
    shape: canonicalJson(Object.fromEntries(forecasts.map(({ store, shape }) => [store, shapeDigest(shape)]))),
    whom: found.map(({ request, store, key }) => ({ request, store, key })),
  };
};
