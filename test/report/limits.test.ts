import { afterEach, beforeEach, expect, test } from "vitest";
import { beginSnapshot } from "#report/collect.ts";
import { limitsOf, type Analysed } from "#report/limits.ts";
import { readAnalysed } from "#report/read-analytics.ts";
import { runScope } from "#report/scope.ts";
import { tellConserved } from "#report/tell-conserved.ts";
import { testContext, type TestContext } from "#test/support/context.ts";
import { fillState, nightRun } from "#test/report/fill-state.ts";

let lethe: TestContext;
beforeEach(async () => {
  lethe = await testContext();
  await fillState(lethe.context.state, 12);
  await tellConserved(lethe.context.state.db);
});
afterEach(() => lethe.dispose());

const nothing = { backups: [], restores: [], stays: { places: [] }, figures: [], tasks: [] };
const ofAnalytics = (analysed: Analysed) =>
  limitsOf("2026-11-02T02:00:00Z", { stores: [], columnStores: [] }, nothing, analysed).filter(({ code }) =>
    ["DE_IDENTIFIED", "MEASURED", "TOTALS_WITHHELD"].includes(code),
  );
const read = async (): Promise<Analysed> => {
  const client = await lethe.context.state.pool.raw.connect();
  try {
    const snapshot = await beginSnapshot(client);
    return await readAnalysed(snapshot, await runScope(snapshot, nightRun));
  } finally {
    await client.query("commit");
    client.release();
  }
};

test("what a report does not claim of analytics is about what was measured and told, and calls nothing else de-identified", async () => {
  expect(await read()).toEqual({ labels: ["de-identified"], totals: true });
  expect(ofAnalytics(await read()).map(({ code }) => code)).toEqual(["DE_IDENTIFIED", "MEASURED", "TOTALS_WITHHELD"]);
  await lethe.state.query(`update lethe.anonymity set more = jsonb_set(more, '{reasons}', '[]')`);
  const anonymous = ofAnalytics(await read());
  expect(anonymous.map(({ code }) => code)).toEqual(["MEASURED", "TOTALS_WITHHELD"]);
  expect(JSON.stringify(anonymous)).not.toMatch(/not anonymous|de-identified|joined/);
  await lethe.state.query("delete from lethe.anonymity");
  expect(ofAnalytics(await read()).map(({ code }) => code)).toEqual(["TOTALS_WITHHELD"]);
  await lethe.state.query("delete from lethe.conserved_told");
  expect(ofAnalytics(await read())).toEqual([]);
});
