import type { Query } from "#test/fault/scene.ts";
import { withNames } from "#test/fault/request-names.ts";
import type { LedgerEvent } from "#records/entry.ts";

type Body = LedgerEvent & { readonly at: string; readonly run: string | null };

/**
 * The ledger, entry by entry, without times, runs, hashes and the identifiers of batches, as a multiset by kind. Entries that a
 * further run rightly adds to are compared by what they come to:
 * - `run.started`, `run.finished`: one each for a run; the counts of the last one must be the same;
 * - `plan.frozen`, `batch.committed`: a batch that died is planned again, and what is left is divided anew: the sums count;
 * - `backup.inventory`, `analytics.measured`, `analytics.conserved`: every run looks anew: the last look counts;
 * - `exceptions.listed`: once for every transaction that approves;
 * - `request.exported`: a request that is planned again is exported again: the last one counts, and `oddities` compares it with its file;
 * - `request.erasing`: what is undone is begun again: once for each time that it was not undone;
 * - `backup.exception`: told again as long as it lasts;
 * - `suppression.destroyed`: each run tells its part: the sums count.
 */
export const ledgerLines = async (state: Query, names: ReadonlyMap<string, string>): Promise<Map<string, string[]>> => {
  const rows = await state<{ body: string }>("select body from lethe.ledger_entry order by index");
  const lines = new Map<string, string[]>();
  const add = (kind: string, line: unknown): void => {
    lines.set(kind, [...(lines.get(kind) ?? []), withNames(JSON.stringify(line), names)]);
  };
  const last = new Map<string, unknown>();
  const exported = new Map<string, unknown>();
  const begun: { readonly request: string; readonly store: string }[] = [];
  const sums = new Map<string, number>();
  const sum = (key: string, value: number): void => void sums.set(key, (sums.get(key) ?? 0) + value);
  for (const { body } of rows) {
    const { at: _at, run: _run, ...event } = JSON.parse(body) as Body;
    switch (event.kind) {
      case "run.started":
        last.set("run.started", { job: event.job, tool: event.tool, policies: event.policies });
        break;
      case "run.finished":
        last.set("run.finished", event);
        break;
      case "plan.frozen":
        break;
      case "exceptions.listed":
        last.set(`exceptions.listed ${event.digest}`, event);
        break;
      case "batch.committed":
        sum(`batch.committed ${event.store} requests`, event.requests);
        sum(`batch.committed ${event.store} rows`, event.rows);
        break;
      case "expiry.planned":
        last.set(`expiry.planned ${event.store}`, event);
        break;
      case "records.expired":
        sum(`records.expired ${event.store} ${event.table}`, event.rows);
        break;
      case "retention.revised":
        last.set(`retention.revised ${event.store} ${event.table}`, event);
        break;
      case "store.restored":
        sum(`store.restored ${event.store}`, event.batches);
        break;
      case "store.released":
        last.set(`store.released ${event.store}`, event);
        break;
      case "analytics.measured": {
        const { measuredAt: _measured, ...anonymity } = event.anonymity;
        last.set(`analytics.measured ${anonymity.store} ${anonymity.table}`, anonymity);
        break;
      }
      case "analytics.conserved":
        for (const total of event.totals) {
          last.set(`analytics.conserved ${total.store} ${total.table} ${total.measure} ${total.equal}`, total);
        }
        break;
      case "backup.inventory":
        last.set(`backup.inventory ${event.repository}`, event);
        break;
      case "backup.exception":
        last.set(`backup.exception ${event.repository} ${event.name} ${event.code}`, event);
        break;
      case "suppression.destroyed":
        sum(`suppression.destroyed ${event.store}`, event.entries);
        break;
      case "request.exported":
        exported.set(`${event.request} ${event.store}`, {
          request: event.request,
          store: event.store,
          rows: event.rows,
        });
        break;
      case "request.erasing":
        begun.push({ request: event.request, store: event.store });
        break;
      case "request.undone":
        begun.splice(
          begun.findLastIndex(({ request }) => request === event.request),
          1,
        );
        break;
      case "request.scheduled": {
        const { for: _for, ...rest } = event;
        add(event.kind, rest);
        break;
      }
      case "request.approved": {
        const { plan: _plan, ...rest } = event;
        add(event.kind, rest);
        break;
      }
      case "retention.ended":
      case "request.late":
      case "hold.placed":
      case "hold.released":
      case "request.received":
      case "request.repeated":
      case "request.repeats":
      case "request.confirmed":
      case "request.identity":
      case "request.extended":
      case "request.verified":
      case "request.refused":
      case "request.withdrawn":
      case "request.held":
      case "request.released":
      case "request.blocked":
      case "request.unblocked":
      case "request.reapproval":
      case "request.erased":
      case "request.archived":
      case "request.reopened":
      case "task.recorded":
      case "task.settled":
      case "request.failed":
      case "request.completed":
      case "backup.purged":
      case "backup.moved":
      case "backup.drilled":
        add(event.kind, event);
        break;
    }
  }
  for (const line of begun) add("request.erasing", line);
  for (const value of exported.values()) add("request.exported", value);
  for (const [key, value] of last) add(key, value);
  for (const [key, value] of sums) add(key, value);
  for (const [kind, unsorted] of lines) lines.set(kind, unsorted.toSorted());
  return lines;
};
