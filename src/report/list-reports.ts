import type { Context } from "#context.ts";
import { LetheError } from "#lib/errors.ts";

export type ListedReport = {
  readonly run: string;
  readonly job: string;
  readonly ended: string;
  readonly outcome: string;
  readonly bundle: string | null;
};

/** The latest runs that ended. `limit` is a number as the user wrote it; throws `USAGE` when it is none. */
export const listReports = async (ctx: Pick<Context, "state">, limit: string): Promise<readonly ListedReport[]> => {
  if (!/^[1-9]\d{0,5}$/.test(limit)) {
    throw new LetheError("USAGE", "--limit is not a number", { hint: "give a number from 1 to 999999" });
  }
  const rows = await ctx.state.db
    .selectFrom("lethe.run")
    .select(["id", "job", "ended_at", "outcome", "bundle"])
    .where("ended_at", "is not", null)
    .orderBy("ended_at", "desc")
    .orderBy("id", "desc")
    .limit(Number(limit))
    .execute();
  return rows.map(({ id, job, ended_at, outcome, bundle }) => ({
    run: id,
    job,
    ended: ended_at ?? "",
    outcome: outcome ?? "",
    bundle,
  }));
};
