import { afterEach, expect, test } from "vitest";
import { formerCustomer, julia, openCompany, type Company, type System } from "#test/conformance/company.ts";

const open: Company[] = [];
afterEach(async () => {
  for (const company of open.splice(0)) await company.dispose();
});

const dropKeys = `do $$ declare k record; begin
  for k in select conrelid::regclass as t, conname from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace
  loop execute format('alter table %s drop constraint %I', k.t, k.conname); end loop; end $$`;

/** Two who ask, one of them with a flatmate and a payer among the living, so that everything that a reference decides is decided. */
const people = async (company: Company): Promise<void> => {
  const { add } = company;
  const id = await formerCustomer(company);
  const home = await company.value<number>("select id from addresses");
  const living = await add("customers", {
    email: "living@example.org",
    default_address_id: home ?? 0,
    external_id: "usr_living",
  });
  await add("customers", { email: "child@example.org", parent_id: id });
  const invoice = await add("invoices", { customer_id: living });
  await add("payments", { invoice_id: invoice, payer_id: id });
  await add("payments", {
    invoice_id: (await company.value<number>("select min(id) from invoices")) ?? 0,
    payer_id: living,
  });
  const note = await add("credit_notes", { customer_id: living });
  await add("credit_note_allocations", { credit_note_id: note, invoice_id: invoice });
  await add("orders", { customer_id: living, shipping_address_id: home ?? 0 });
  await add("gifts", { gifter_id: living, recipient_id: await add("customers", {}) });
  await add("analytics_events", { customer_id: living });
  await add("sessions", { user_ref: "usr_living" });
  const second = await add("customers", { email: "second@example.org", status: "inactive" });
  const street = await add("addresses", {});
  await add("orders", { customer_id: second, shipping_address_id: street });
  await add("subscriptions", { customer_id: second });
};

/** Every table, row by row; what is drawn at random or counted by a sequence of the server is left out. */
const content = async (company: Company): Promise<Record<string, unknown>> => {
  const tables = await company.store.query<{ name: string }>(
    "select c.relname as name from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace order by 1",
  );
  const rows: Record<string, unknown> = {};
  for (const { name } of tables) {
    const found = await company.store.query<{ row: string }>(
      `select (to_jsonb(t) - 'changed_at' - 'gateway_token')::text as row from ${name} t`,
    );
    rows[name] = found
      .map(({ row }) =>
        row
          .replaceAll(/T02:0\d:\d\d\.\d+/g, "tonight")
          .replaceAll(/erased-[0-9a-f]{20}/g, "erased-random")
          .replaceAll(/somebody\d+|(SN|R2026|G2026|pm|s)[-_]?\d+/g, "serial"),
      )
      .toSorted();
  }
  return rows;
};

const run = async (
  system: System,
  links: boolean,
): Promise<{ rows: unknown; dispositions: unknown; outcomes: unknown }> => {
  const keys: string[] = [];
  if (links) {
    const declared = await declaredKeys();
    keys.push(...declared);
  }
  const company = await openCompany(system, {
    sql: links ? dropKeys : "",
    edit: (text) => (links ? text.replace("links:\n", `links:\n${keys.map((key) => `  - ${key}\n`).join("")}`) : text),
  });
  open.push(company);
  await people(company);
  const [first = "", second = ""] = await company.ask(julia, { email: "second@example.org" });
  await company.nightly();
  await company.nightly(company.at("2026-11-02T02:10:00Z"));
  return {
    rows: await content(company),
    dispositions: [await company.dispositions(first), await company.dispositions(second)],
    outcomes: await company.state.query("select state, code from lethe.request order by id"),
  };
};

/** The company's foreign keys as links of a policy. */
const declaredKeys = (): Promise<readonly string[]> => (known ??= readDeclaredKeys());
let known: Promise<readonly string[]> | undefined;
const readDeclaredKeys = async (): Promise<readonly string[]> => {
  const company = await openCompany("juicyway");
  open.push(company);
  const keys = await company.store.query<{ link: string }>(
    `select format('%s.%s -> %s.%s', o.conrelid::regclass, a.attname, o.confrelid::regclass, b.attname) as link
     from pg_constraint o join pg_attribute a on a.attrelid = o.conrelid and a.attnum = o.conkey[1]
     join pg_attribute b on b.attrelid = o.confrelid and b.attnum = o.confkey[1]
     where o.contype = 'f' and o.conparentid = 0 and o.connamespace = 'public'::regnamespace order by 1`,
  );
  return keys.map(({ link }) => link);
};

test.each(["juicyway", "flexprice", "chargebee", "polar", "flexportal"] as const)(
  "%s does the same, table by table, where no foreign key is declared and links say what refers to what",
  async (system) => {
    const [declared, linked] = [await run(system, false), await run(system, true)];
    expect(linked.outcomes).toEqual(declared.outcomes);
    expect(linked.dispositions).toEqual(declared.dispositions);
    expect(linked.rows).toEqual(declared.rows);
  },
);
