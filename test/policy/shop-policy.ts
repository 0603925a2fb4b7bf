import { isLetheError, type LetheError } from "#lib/errors.ts";
import { expect } from "vitest";
import { parsePolicy } from "#policy/parse.ts";

/** A policy that says everything that a policy can say. */
export const shopPolicy = `policy: shop
version: 3
effective: 2026-11-01
owner: dpo@shop.example
subject:
  table: customers
  key: id
  identifiers: { email: email, phone: phone }
  names: [first_name]
links:
  - sessions.user_ref -> customers.external_id
  - { from: crm.notes.row_id, to: customers.id, where: { table_name: customers } }
classes:
  voucher: { basis: 'HGB §257, AO §147', period: P8Y, anchor: end-of-calendar-year }
tables:
  customers:
    treatment: anonymise
    columns:
      id: keep
      email: { unique: 'erased-{random}@invalid' }
      phone: { set: null }
      first_name: { set: erased }
      born_on: { truncate: year }
      marketing: { set: false }
  addresses: { treatment: erase }
  devices: { treatment: erase, owner: customer_id }
  gifts: { treatment: erase, owner: [giver_id, taker_id] }
  crm.notes: { treatment: erase }
  invoices:
    treatment: retain
    class: voucher
    clock: issued_on
    columns: { issued_on: keep, customer_name: keep, notes: { redact: identifiers } }
  events:
    treatment: anonymise
    quasi: [city, plan]
    k: 10
    conserve: [count, sum(amount)]
    clock: occurred_at
    per: month
    columns:
      occurred_at: { truncate: day }
      city: { generalise: { map: { Berlin: East, Bonn: West }, otherwise: other } }
      plan: keep
      amount: keep
  products: { treatment: keep, reason: no personal data }
blockers:
  - code: CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS
    when: { table: subscriptions, status: [active, trialing], kind: gift, seats: { gte: 1 }, ended_on: { is_null: true } }
    then: block
    hint: cancel them
`;

/** What a text that is no policy fails with. */
export const failure = (text: string): LetheError => {
  try {
    parsePolicy("shop.yaml", text);
  } catch (error) {
    if (isLetheError(error)) return error;
    throw error;
  }
  throw new Error("was accepted");
};

/** The policy with one part of it written otherwise. */
export const changed = (from: string, to: string): string => {
  expect(shopPolicy).toContain(from);
  return shopPolicy.replace(from, to);
};

export const lineOf = (text: string, part: string): number => text.slice(0, text.indexOf(part)).split("\n").length;
