import { afterEach, expect, test } from "vitest";
import { checkFresh, type Checked } from "#test/examples/check.ts";

const schema = `create schema crm; create type mood as enum ('good', 'bad'); create domain given as text not null;
  create table addresses (id int primary key, street text not null);
  create table customers (
    id int generated always as identity primary key, email text not null unique, name text not null,
    shout text generated always as (upper(name)) stored, address_id int references addresses, boss_id int references customers);
  create table orders (
    id serial primary key, customer_id int not null references customers, address_id int references addresses,
    status text not null default 'open' check (status in ('open', 'sent', 'cancelled')), note text);
  create table invoices (id int primary key, customer_id int not null references customers, day date not null, total numeric(10,2) not null);
  create table transfers (id int primary key, invoice_id int not null references invoices, payer_id int references customers);
  create table crm.notes ("RowId" text, "table" text not null, body given, feeling mood);
  create table events (at timestamptz not null, customer_id int, what text not null) partition by range (at);
  create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
  create table counts (month date, what text, events int not null, primary key (month, what));
  create table products (id int primary key, title text not null)`;

const tables = `customers: { treatment: anonymise, columns: { email: { unique: 'e-{random}@invalid' }, name: { set: erased }, address_id: { set: null }, boss_id: keep } }
addresses: { treatment: erase }
orders: { treatment: anonymise, columns: { customer_id: keep, address_id: { set: null }, status: keep, note: { redact: identifiers } } }
invoices: { treatment: retain, class: voucher, clock: day, columns: { customer_id: keep, day: keep, total: keep } }
transfers: { treatment: anonymise, owner: invoice_id, columns: { invoice_id: keep, payer_id: keep } }
crm.notes: { treatment: erase }
events: { treatment: anonymise, columns: { at: { truncate: month }, customer_id: { set: null }, what: keep } }
products: { treatment: keep, reason: catalogue }`;

const links = `links:
  - events.customer_id -> customers.id
  - { from: crm.notes.RowId, to: customers.id, where: { table: customers } }`;

const subject = "{ table: customers, key: id, identifiers: { email: email }, names: [name] }";
const store = { schemas: ["public", "crm"] };

let checked: Checked;
afterEach(() => checked.opened.dispose());

const check = async (examples: string, parts: { blockers?: string; tables?: string; sections?: string } = {}) => {
  const sections = `${links}\n${parts.sections ?? ""}\nexamples:\n${examples}`;
  checked = await checkFresh(schema, { subject, tables, ...parts, sections }, store);
  return checked;
};

const everything = `  - example: Ann leaves and Bob stays
    given:
      customers: [{ id: 1, email: ann@shop.example, name: Ann, address_id: 5 }, { id: 2, email: bob@shop.example, name: Bob, address_id: 6, boss_id: 1 }]
      addresses: [{ id: 5, street: Seeweg 3 }, { id: 6, street: Hafen 1 }, { id: 7, street: Markt 9 }]
      orders: [{ customer_id: 1, address_id: 7, note: Ann called }, { customer_id: 1, address_id: 6 }, { customer_id: 2 }]
      invoices: [{ id: 9, customer_id: 1, day: 2026-03-04, total: 49 }, { id: 10, customer_id: 2, day: 2026-03-04, total: 1 }]
      transfers: [{ id: 1, invoice_id: 9, payer_id: 1 }]
      crm.notes: [{ RowId: '1', table: customers, body: said, feeling: good }, { RowId: '1', table: orders, body: said }, { RowId: '2', table: customers, body: said }]
      events: [{ at: '2026-02-03T10:00:00Z', customer_id: 1, what: login }, { at: '2031-02-03T10:00:00Z', customer_id: 2, what: login }]
      products: [{ title: Plan, id: 1 }]
    then:
`;

test("every row gets the fate that the real statements give it, in other schemas, partitions and tables without a key too", async () => {
  const { check: found } = await check(`${everything}      customers: [anonymised, kept]
      addresses: [erased, spared, erased]
      orders: [anonymised, anonymised, kept]
      invoices: [retained until 2035-01-01, kept]
      transfers: anonymised
      crm.notes: [erased, kept, kept]
      events: [anonymised, kept]
      products: kept`);
  expect(found.findings).toEqual([]);
  expect(found.examples).toEqual({ run: 1, held: 1 });
});

test("a row that fares otherwise than the example says is named with what was expected and what was", async () => {
  const { lines, check: found } = await check(`${everything}      customers: [erased, kept]
      addresses: erased
      invoices: [retained until 2034-01-01, retained]
      crm.notes: [erased, erased, kept]
      products: erased`);
  const begin = 'POLICY_EXAMPLE example "Ann leaves and Bob stays": ';
  expect(lines).toEqual([
    expect.stringMatching(
      new RegExp(
        `^erased, kept\\] \\| ${begin}row 1 of customers: expected erased, was anonymised → the rule at .*policy.yaml:\\d+:3 says anonymise`,
      ),
    ),
    expect.stringMatching(
      new RegExp(
        `^addresses: erased \\| ${begin}row 2 of addresses: expected erased, was spared → somebody who did not ask has the row too`,
      ),
    ),
    expect.stringMatching(
      new RegExp(
        `^retained until 2034-01-01, .* \\| ${begin}row 1 of invoices: expected retained until 2034-01-01, was retained until 2035-01-01 → the rule at .*\`lethe policy explain invoices\``,
      ),
    ),
    expect.stringMatching(
      new RegExp(
        `^retained\\] \\| ${begin}row 2 of invoices: expected retained, was kept → the row belongs to nobody who asks`,
      ),
    ),
    expect.stringMatching(new RegExp(`^erased, kept\\] \\| ${begin}row 2 of crm.notes: expected erased, was kept → `)),
    expect.stringMatching(
      new RegExp(`^products: erased \\| ${begin}products: expected erased, was kept → no rule touches products`),
    ),
  ]);
  expect(found.examples).toEqual({ run: 1, held: 0 });
});

const remedies = `- { code: OPEN, when: { table: orders, status: open }, then: { set: { status: cancelled } } }
- { code: BOSS, when: { table: customers }, whose: boss_id, then: { unlink: boss_id } }
- { code: PAID_BY_ANOTHER, when: { table: transfers }, whose: invoice_id.customer_id, other: payer_id, then: { remove: rows } }`;

test("what a remedy changes or removes is remedied, unless the row is the subject's own", async () => {
  const { check: found } = await check(
    `  - example: a boss leaves
    given:
      customers: [{ id: 1, email: ann@shop.example, name: Ann }, { id: 2, email: bob@shop.example, name: Bob, boss_id: 1 }]
      orders: [{ id: 1, customer_id: 1 }, { id: 2, customer_id: 2 }]
      invoices: [{ id: 9, customer_id: 1, day: 2026-03-04, total: 49 }]
      transfers: [{ id: 1, invoice_id: 9, payer_id: 1 }, { id: 2, invoice_id: 9, payer_id: 2 }]
    then: { customers: [anonymised, remedied], orders: [anonymised, kept], transfers: [anonymised, remedied], invoices: retained }`,
    { blockers: remedies },
  );
  expect(found.findings).toEqual([]);
});

test("a row of somebody else whose reference to an erased row is emptied is unlinked", async () => {
  const { lines } = await check(
    `  - example: a boss is erased
    given: { customers: [{ id: 1, email: ann@shop.example, name: Ann }, { id: 2, email: bob@shop.example, name: Bob, boss_id: 1 }] }
    then: { customers: [erased, unlinked] }
  - example: and told otherwise
    given: { customers: [{ id: 1, email: ann@shop.example, name: Ann }, { id: 2, email: bob@shop.example, name: Bob, boss_id: 1 }] }
    then: { customers: [erased, kept] }`,
    {
      tables: tables
        .replace(/^customers: .*/m, "customers: { treatment: erase }")
        .replace(/^orders: .*/m, "orders: { treatment: erase }")
        .replace(/^invoices: .*/m, "invoices: { treatment: erase, decided: { by: us, on: 2026-01-01, why: test } }")
        .replace(
          /^transfers: .*/m,
          "transfers: { treatment: erase, owner: invoice_id, decided: { by: us, on: 2026-01-01, why: test } }",
        ),
    },
  );
  expect(lines).toEqual([
    expect.stringContaining(
      'example "and told otherwise": row 2 of customers: expected kept, was unlinked → the row is somebody else\'s',
    ),
  ]);
});

const soft = `deletion: { mode: MODE, set: { name: gone }, grace: P30D }`;

test("a subject that is first marked and then erased has been through both", async () => {
  const { check: found } = await check(
    `  - example: marked, then anonymised
    given: { customers: [{ id: 1, email: ann@shop.example, name: Ann }], orders: [{ id: 1, customer_id: 1, status: sent }] }
    then: { customers: anonymised, orders: anonymised }
  - example: an open order stops it before the mark
    given: { customers: [{ id: 1, email: ann@shop.example, name: Ann }], orders: [{ id: 1, customer_id: 1 }] }
    then: { blocked: OPEN }`,
    {
      sections: soft.replace("MODE", "soft-then-hard"),
      blockers: "- { code: OPEN, when: { table: orders, status: open }, then: block }",
    },
  );
  expect(found.findings).toEqual([]);
  expect(found.examples).toEqual({ run: 2, held: 2 });
});

test("the subject who is only marked stays", async () => {
  const { check: found } = await check(
    `  - example: marked
    given: { customers: [{ id: 1, email: ann@shop.example, name: Ann }, { id: 2, email: bob@shop.example, name: Bob }] }
    then: { customers: [stays, kept] }`,
    {
      sections: soft.replace("MODE", "soft").replace(", grace: P30D", ""),
      tables: tables
        .replace(/^customers: .*/m, "customers: { treatment: keep, reason: account, personal: [email, name] }")
        .replace(/^addresses: .*/m, "addresses: { treatment: keep, reason: account }"),
    },
  );
  expect(found.findings).toEqual([]);
});

test("being blocked, or not, or by something else, is said with the place of the blocker", async () => {
  const given =
    "given: { customers: [{ id: 1, email: ann@shop.example, name: Ann }], orders: [{ id: 1, customer_id: 1 }] }";
  const { lines } = await check(
    `  - { example: a, ${given}, then: { orders: anonymised } }
  - { example: b, ${given}, then: { blocked: SENT } }
  - { example: c, ${given.replace("customer_id: 1", "customer_id: 1, status: cancelled")}, then: { blocked: OPEN } }
  - { example: d, ${given}, then: { blocked: OPEN } }
  - { example: e, ${given}, then: { blocked: OPNE } }`,
    {
      blockers: `- { code: OPEN, when: { table: orders, status: open }, then: block }
- { code: SENT, when: { table: orders, status: sent }, then: block }`,
    },
  );
  expect(lines.map((line) => line.replace(/^.* \| /, "").replaceAll(/\S+policy.yaml/g, "policy.yaml"))).toEqual([
    'POLICY_EXAMPLE example "a": expected it to go through, was blocked by OPEN → see OPEN at policy.yaml:28:5: change its conditions, or the rows',
    'POLICY_EXAMPLE example "b": expected it to be blocked by SENT, was blocked by OPEN → see OPEN at policy.yaml:28:5: change its conditions, or the rows',
    'POLICY_EXAMPLE example "c": expected it to be blocked by OPEN, was not blocked → give rows that meet every condition of OPEN at policy.yaml:28:5',
    'POLICY_EXAMPLE example "e": no blocker has the code OPNE → did you mean `OPEN`?',
  ]);
});

test("an option can be set otherwise for one example", async () => {
  const given =
    "given: { customers: [{ id: 1, email: ann@shop.example, name: Ann }], orders: [{ id: 1, customer_id: 1 }] }";
  const { check: found } = await check(
    `  - { example: stops, ${given}, then: { blocked: OPEN } }
  - { example: cancels, options: { cancel: true }, ${given}, then: { orders: anonymised } }`,
    {
      sections: "options: { cancel: false }",
      blockers:
        "- { code: OPEN, when: { table: orders, status: open }, then: { set: { status: cancelled }, if: cancel } }",
    },
  );
  expect(found.findings).toEqual([]);
});

test("an erasure that would be undone does not hold", async () => {
  const { lines } = await check(
    `  - example: counted
    given: { customers: [{ id: 1, email: ann@shop.example, name: Ann }], addresses: [{ id: 5, street: x }], orders: [{ id: 1, customer_id: 1, address_id: 5 }] }
    then: { customers: anonymised }`,
    { sections: "figures: [{ figure: Places, table: addresses, measure: count, equal: true }]" },
  );
  expect(lines).toEqual([
    expect.stringMatching(
      /example "counted": expected it to go through, but it would fail with FIGURE_CHANGED \(figure Places would change.*→ keep the rows/,
    ),
  ]);
});

test("a figure and a total are those of the example's rows alone", async () => {
  const { check: found } = await check(
    `  - example: totals
    given:
      customers: [{ id: 1, email: ann@shop.example, name: Ann }]
      events: [{ at: '2026-02-03T10:00:00Z', customer_id: 1, what: login }]
    then: { events: anonymised }`,
    {
      tables: tables.replace(
        "events: { treatment: anonymise,",
        "events: { treatment: anonymise, conserve: [count], clock: at,",
      ),
    },
  );
  expect(found.findings).toEqual([]);
});

test("a row with another key, other values or another place is the same row still", async () => {
  const { check: found } = await check(
    `  - example: what was clicked stays
    given:
      customers: [{ id: 1, email: ann@shop.example, name: Ann }, { id: 2, email: bob@shop.example, name: Bob }]
      orders: [{ id: 4, customer_id: 1, note: Ann called }, { id: 5, customer_id: 1 }, { id: 6, customer_id: 2 }]
      events: [{ at: '2026-02-03T10:00:00Z', customer_id: 1, what: login }, { at: '2026-02-04T10:00:00Z', customer_id: 1, what: logout }, { at: '2026-02-03T10:00:00Z', customer_id: 2, what: login }]
    then:
      orders: [anonymised, anonymised, kept]
      events: [anonymised, anonymised, kept]`,
    {
      tables: tables
        .replace(
          "columns: { customer_id: keep, address_id",
          "columns: { id: { rekey: random }, customer_id: keep, address_id",
        )
        .replace(
          "events: { treatment: anonymise, columns: { at: { truncate: month }",
          "events: { treatment: anonymise, order: random, columns: { at: { shuffle: [what] }",
        ),
    },
  );
  expect(found).toMatchObject({ examples: { run: 1, held: 1 }, findings: [] });
});

test("a row that is counted elsewhere is anonymised, and somebody else's is kept", async () => {
  const { check: found } = await check(
    `  - example: clicks are counted
    given:
      customers: [{ id: 1, email: ann@shop.example, name: Ann }, { id: 2, email: bob@shop.example, name: Bob }]
      events: [{ at: '2026-02-03T10:00:00Z', customer_id: 1, what: login }, { at: '2026-02-03T10:00:00Z', customer_id: 2, what: login }]
    then:
      events: [anonymised, kept]`,
    {
      tables: tables.replace(
        "events: { treatment: anonymise, columns",
        "events: { treatment: anonymise, quasi: [what], clock: at, aggregate: { into: counts, period: month, count: events, other: { what: other } }, columns",
      ),
    },
  );
  expect(found).toMatchObject({ examples: { run: 1, held: 1 }, findings: [] });
});
