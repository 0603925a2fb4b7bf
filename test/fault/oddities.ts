import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { sha256Hex } from "#lib/canonical.ts";
import { connected, type Query, type Scene } from "#test/fault/scene.ts";

type Report = {
  readonly dispositions: readonly { store: string; table: string; rows: number; spared: number; requests: number }[];
  readonly backups: readonly { purged: readonly { name: string }[] }[];
};

/**
 * What is not as it has to be after any night, in sentences: each thing done is on record once (I3), the register
 * reconciles (I9), every run that ended left one bundle that verifies, and nothing is left half done.
 */
export const oddities = (scene: Scene): Promise<string[]> =>
  connected(scene.urls.state, async (query) => {
    const found: string[] = [];
    for (const [sentence, text] of Object.entries(rules)) {
      const rows = await query<object>(text);
      if (rows.length > 0) found.push(`${sentence}: ${JSON.stringify(rows)}`);
    }
    return [...found, ...(await exportOddities(scene, query)), ...(await bundleOddities(scene, query))];
  });

/** Every export on record is a file as described, every file is on record, and nothing unfinished is left. */
const exportOddities = async (scene: Scene, query: Query): Promise<string[]> => {
  const directory = join(scene.directory, "exports");
  const claims = await query<{ name: string; sha256: string; bytes: string }>(
    `select ref || '.' || store || '.jsonl.age' as name, sha256, bytes from lethe.export x
     join lethe.request r on r.id = x.request_id`,
  );
  const found: string[] = [];
  for (const { name, sha256, bytes } of claims) {
    const file = await readFile(join(directory, name)).catch(() => undefined);
    if (file === undefined) found.push(`the export ${name} is on record and not there`);
    else if (file.length !== Number(bytes) || sha256Hex(file) !== sha256)
      found.push(`the export ${name} is not the one on record`);
  }
  const recorded = new Set(claims.map(({ name }) => name));
  const strangers = (await readdir(directory).catch(() => [])).filter((name) => !recorded.has(name));
  if (strangers.length > 0) found.push(`beside the exports on record there is ${strangers.join(", ")}`);
  return found;
};

const rules: Readonly<Record<string, string>> = {
  "a request was begun in a store before its export": `
    select e.request_ref, e.body::jsonb ->> 'store' as store from lethe.ledger_entry e
    join lethe.run r on r.id = e.run_id and r.started_at > '2026-10-28'
    where e.kind = 'request.erasing' and not exists (select from lethe.ledger_entry x where x.kind = 'request.exported'
      and x.request_ref = e.request_ref and x.body::jsonb ->> 'store' = e.body::jsonb ->> 'store' and x.index < e.index)`,
  "a batch changed somebody who has no export": `
    select r.ref, s.store from lethe.subject s join lethe.request r on r.id = s.request_id
    join lethe.batch b on b.id = s.batch_id join lethe.run n on n.id = b.run_id and n.started_at > '2026-10-28'
    where s.state = 'executed' and not exists (
      select from lethe.export x where x.request_id = s.request_id and x.store = s.store)`,
  "a request is on record as erased other than once": `
    select r.ref, r.state, count(e.index) from lethe.request r
    left join lethe.ledger_entry e on e.request_ref = r.ref and e.kind = 'request.erased'
    group by r.id having count(e.index) <> (r.state in ('erased', 'completed'))::int`,
  "a request is on record as completed other than once": `
    select r.ref, r.state, count(e.index) from lethe.request r
    left join lethe.ledger_entry e on e.request_ref = r.ref and e.kind = 'request.completed'
    group by r.id having count(e.index) <> (r.state = 'completed')::int`,
  "a backup is on record as purged other than once": `
    select b.name, b.state, count(e.index) from lethe.backup_set b
    left join lethe.ledger_entry e on e.kind = 'backup.purged' and e.body::jsonb ->> 'name' = b.name
      and e.body::jsonb ->> 'repository' = b.repository and e.body::jsonb ->> 'sha256' = b.sha256
    group by b.repository, b.name, b.sha256 having count(e.index) <> (b.state = 'purged')::int`,
  "a batch is on record as committed other than once": `
    select b.id, b.state, count(e.index) from lethe.batch b
    left join lethe.ledger_entry e on e.kind = 'batch.committed' and (e.body::jsonb ->> 'batch')::uuid = b.id
    group by b.id having count(e.index) <> (b.state = 'committed')::int`,
  "a batch is left open": "select id from lethe.batch where state = 'frozen'",
  "a request is left half done": "select ref, state from lethe.request where state = 'erasing'",
  "a run is left open": "select id from lethe.run where ended_at is null or outcome is null or bundle is null",
  "a run ended other than once": `
    select r.id, count(e.index) from lethe.run r
    left join lethe.ledger_entry e on e.run_id = r.id and e.kind = 'run.finished'
    group by r.id having count(e.index) > 1`,
  "the register does not reconcile": `
    select body from lethe.ledger_entry e, lateral (select body::jsonb -> 'requests' as n) b where kind = 'run.finished'
    and (n ->> 'received')::int <> (n ->> 'done')::int + (n ->> 'refused')::int + (n ->> 'withdrawn')::int
      + (n ->> 'pending')::int + (n ->> 'failed')::int`,
};

/** Each run has its bundle, every bundle verifies, and over all bundles nothing is counted twice or left out. */
const bundleOddities = async (scene: Scene, query: Query): Promise<string[]> => {
  const found: string[] = [];
  const runs = await query<{ id: string; bundle: string }>(
    "select id, bundle from lethe.run where bundle is not null order by started_at",
  );
  const counted = new Map<string, number>();
  const count = (key: string, by: number): void => void counted.set(key, (counted.get(key) ?? 0) + by);
  for (const { id, bundle } of runs) {
    const verified = await verifyBundle(bundle, scene.publicKey).catch((error: unknown) => error);
    if (verified instanceof Error) {
      found.push(`the bundle of run ${id} does not verify: ${verified.message}`);
      continue;
    }
    const report = JSON.parse(await readFile(join(bundle, "report.json"), "utf8")) as Report;
    for (const { store, table, rows, spared, requests } of report.dispositions) {
      count(`${store} ${table} rows`, rows);
      count(`${store} ${table} spared`, spared);
      count(`${store} ${table} requests`, requests);
    }
    for (const { purged } of report.backups) for (const { name } of purged) count(`purged ${name}`, 1);
  }
  const places = await readdir(join(scene.directory, "reports")).catch(() => []);
  const here = runs.map(({ bundle }) => bundle).filter((bundle) => bundle.startsWith(scene.directory));
  const strangers = places.filter((name) => !here.includes(join(scene.directory, "reports", name)));
  if (strangers.length > 0) found.push(`beside the bundles there is ${strangers.join(", ")}`);

  const facts = await query<{ key: string; value: string }>(
    `with d as (select store || ' ' || table_name as place, sum(rows) as rows, sum(spared) as spared, count(*) as requests
       from lethe.disposition group by 1)
     select place || ' rows' as key, rows as value from d union all select place || ' spared', spared from d
     union all select place || ' requests', requests from d
     union all select 'purged ' || name, 1 from lethe.backup_set where state = 'purged'`,
  );
  const truth = new Map(facts.map(({ key, value }) => [key, Number(value)]));
  for (const key of new Set([...truth.keys(), ...counted.keys()])) {
    const [said, is] = [counted.get(key) ?? 0, truth.get(key) ?? 0];
    if (said !== is) found.push(`the reports together say ${said} for ${key}, the records ${is}`);
  }
  return found;
};
