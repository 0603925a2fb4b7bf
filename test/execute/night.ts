import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eraseJob } from "../../jobs/erase.ts";
import { nightly } from "../../jobs/nightly.ts";
import type { Context } from "#context.ts";
import { planForApproval } from "#forecast.ts";
import { approveAll, approveRequests } from "#intake/approve.ts";
import { importFile } from "#intake/import-file.ts";
import { addRequest } from "#intake/requests.ts";
import type { Fields } from "#intake/row.ts";
import type { RequestDetail, RequestState } from "#records/request.ts";
import type { RunSummary } from "#records/run.ts";
import { runJob } from "#run-job.ts";
import { testContext, type TestContext, type TestContextOptions } from "#test/support/context.ts";

export type PolicyParts = {
  readonly subject?: string;
  /** YAML of the sections between subject and tables. */
  readonly sections?: string;
  /** YAML mapping lines, without indentation of the first level. */
  readonly tables: string;
  /** YAML of further retention classes, indented. */
  readonly classes?: string;
  readonly blockers?: string;
};

const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, "  ");

/** A policy for table `customers` unless `subject` says otherwise. */
export const policyText = ({
  subject = "{ table: customers, key: id, identifiers: { email: email } }",
  sections = "",
  tables,
  classes = "",
  blockers = "",
}: PolicyParts): string => `policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: ${subject}
${sections}
classes:
  voucher: { basis: HGB §257, period: P8Y, anchor: end-of-calendar-year }
${classes === "" ? "" : `${classes}\n`}tables:
${indent(tables.trim())}
${blockers === "" ? "" : `blockers:\n${indent(blockers.trim())}`}
`;

export type NightOptions = Omit<TestContextOptions, "policy"> & PolicyParts;

export type RequestLine = {
  readonly ref: string;
  readonly state: RequestState;
  readonly code: string | null;
  readonly detail: RequestDetail | null;
};

export type Night = TestContext & {
  /** Enters and approves one request for each; returns their references in order. */
  readonly ask: (...people: readonly Fields[]) => Promise<string[]>;
  readonly approve: (...refs: readonly string[]) => Promise<void>;
  readonly erase: (context?: Context) => Promise<RunSummary>;
  readonly nightly: (context?: Context) => Promise<RunSummary>;
  /** By reference, or all in the order in which they were entered. */
  readonly requests: (...refs: readonly string[]) => Promise<RequestLine[]>;
  /** `treatment table rows spared` in the order of the alphabet. */
  readonly dispositions: (ref: string) => Promise<string[]>;
};

/** A store with customers who ask to be forgotten; dispose of it in `afterEach`. */
export const openNight = async (options: NightOptions): Promise<Night> => {
  const opened = await testContext({ ...options, policy: policyText(options) });
  return withRequests(opened);
};

export const withRequests = (opened: TestContext): Night => {
  const { context, state } = opened;
  // One by one they take longer than the night.
  const importAll = async (people: readonly Fields[]): Promise<string[]> => {
    const file = join(opened.directory, "people.csv");
    const rows = people.map(({ email = "" }) => `2026-11-01,${email}\n`);
    await writeFile(file, `received,email\n${rows.join("")}`);
    await importFile(context, file);
    return (await state.query<{ ref: string }>("select ref from lethe.request order by id")).map(({ ref }) => ref);
  };
  const approval = { by: "dpo", planFor: planForApproval };
  return {
    ...opened,
    ask: async (...people) => {
      const refs = people.length > 50 ? await importAll(people) : [];
      for (const person of people.length > 50 ? [] : people) refs.push((await addRequest(context, person)).ref);
      await approveAll(context, approval);
      return refs;
    },
    approve: async (...refs) => void (await approveRequests(context, refs, approval)),
    erase: (other = context) => runJob(other, eraseJob),
    nightly: (other = context) => runJob(other, nightly),
    requests: async (...refs) => {
      const rows = await state.query<RequestLine>("select ref, state, code, detail from lethe.request order by id");
      return refs.length === 0 ? rows : refs.flatMap((ref) => rows.filter((row) => row.ref === ref));
    },
    dispositions: async (ref) =>
      (
        await state.query<{ line: string }>(
          `select concat_ws(' ', treatment, table_name, d.rows, spared) as line from lethe.disposition d
           join lethe.request r on r.id = d.request_id where r.ref = $1 order by table_name`,
          [ref],
        )
      ).map(({ line }) => line),
  };
};
