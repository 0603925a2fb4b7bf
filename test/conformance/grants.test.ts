import { afterEach, expect, test } from "vitest";
import { closePool, openPool } from "#db/pool.ts";
import { grantsOfStores } from "#policy-grants.ts";
import { formerCustomer, julia, openCompany, type Company } from "#test/conformance/company.ts";

let company: Company;
afterEach(() => company.dispose());

test.each([
  ["juicyway", "completed"],
  ["flexprice", "erased"],
  ["chargebee", "erased"],
  ["polar", "completed"],
  ["flexportal", "archived"],
] as const)("a role that holds only what `lethe policy grants` prints carries out %s", async (system, state) => {
  // With every remedy that the policy can have, and nothing left to settle elsewhere.
  company = await openCompany(system, {
    edit: (text) => text.replaceAll(/(unlink_gifts|cancel_subscriptions): false/g, "$1: true"),
  });
  const id = await formerCustomer(company);
  if (system !== "flexportal" && system !== "juicyway") {
    await company.add("subscriptions", { customer_id: id, status: system === "chargebee" ? "cancelled" : "active" });
  }
  if (system === "chargebee") {
    const other = await company.add("customers", { parent_id: id });
    await company.add("gifts", { gifter_id: id, recipient_id: other });
    const invoice = await company.value<number>("select id from invoices");
    await company.add("payments", { invoice_id: invoice ?? 0, payer_id: other });
  }
  const role = company.store.name.replace("test", "eraser");
  const [printed] = await grantsOfStores(company.context, role);
  await company.store.query(`create role ${role} login password 'eraser'`);
  for (const grant of printed?.grants ?? []) await company.store.query(grant);
  const url = new URL(company.store.url);
  [url.username, url.password] = [role, "eraser"];
  const pool = openPool({ url: url.href, applicationName: "lethe", label: "shop" });
  try {
    const limited = { ...company.context, stores: company.context.stores.map((store) => ({ ...store, pool })) };
    const [ref = ""] = await company.ask(julia);
    await company.nightly(limited);
    if (system === "chargebee") {
      const later = { ...company.at("2026-11-02T02:10:00Z"), stores: limited.stores };
      await company.nightly(later);
    }
    expect(await company.requests(ref)).toMatchObject([{ state, code: null }]);
  } finally {
    await closePool(pool);
    await company.store.query(`drop owned by ${role} cascade; drop role ${role}`);
  }
});
