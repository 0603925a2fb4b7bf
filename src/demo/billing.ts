import type { Calendar } from "#demo/calendar.ts";
import type { Contract } from "#demo/contracts.ts";
import type { Address, Person } from "#demo/people.ts";
import { prng } from "#demo/prng.ts";
import { money, type Row } from "#demo/tables.ts";

export type Billing = Readonly<
  Record<
    | "invoices"
    | "invoice_lines"
    | "payments"
    | "credit_notes"
    | "credit_note_allocations"
    | "wallets"
    | "wallet_transactions",
    Row[]
  >
>;
type Invoice = { readonly id: number; readonly person: Person; readonly issued: number; readonly cents: number };

/**
 * Invoices of every contract with their lines and payments, credit notes with allocations, wallets. Head offices pay
 * their branches' invoices, friends and family now and then each other's, and a credit note may settle another's invoice.
 */
export const makeBilling = (
  seed: number,
  people: readonly Person[],
  addresses: readonly Address[],
  contracts: readonly Contract[],
  days: Calendar,
): Billing => {
  const random = prng(seed, "billing");
  const rows: Billing = {
    invoices: [],
    invoice_lines: [],
    payments: [],
    credit_notes: [],
    credit_note_allocations: [],
    wallets: [],
    wallet_transactions: [],
  };
  const paid: Invoice[] = [];
  const trapped = new Set<number>();

  for (const contract of contracts) {
    const end = contract.to ?? 0;
    for (let issued = contract.from; issued > end; issued -= contract.plan.every)
      addInvoice(contract, issued, issued - contract.plan.every <= end);
  }
  for (const person of people) addWallet(person);
  for (const invoice of paid) if (random.chance(0.04)) addCreditNote(invoice);
  return rows;

  function addInvoice(contract: Contract, issued: number, last: boolean): void {
    const { person, plan, device } = contract;
    const address = addresses[person.addressId - 1];
    const id = rows.invoices.length + 1;
    const cents = plan.cents + (device?.cents ?? 0);
    const trap = person.trap === "open-invoice" && !trapped.has(person.id);
    const open =
      trap || (last && contract.status === "past_due") || (last && contract.to === undefined && random.chance(0.06));
    if (trap) trapped.add(person.id);
    const due = open ? (random.chance(0.3) ? Math.round(cents / 2) : cents) : 0;
    const issuedOn = days.day(issued);
    rows.invoices.push({
      id,
      number: `R${issuedOn.slice(0, 4)}-${String(100_000 + id)}`,
      customer_id: person.id,
      subscription_id: contract.id,
      issued_on: issuedOn,
      due_on: days.day(issued - 14),
      currency: "EUR",
      billing_name: `${person.first.written} ${person.last.written}`,
      billing_street: address?.line1 ?? null,
      billing_postcode: address?.postcode ?? null,
      billing_city: address?.city ?? null,
      billing_country: person.culture.country,
      total: money(cents),
      amount_due: money(due),
      status: open ? "open" : "paid",
      metadata: random.chance(0.3) ? JSON.stringify({ sent_to: [person.email], attachment: `${plan.name}.pdf` }) : null,
    });
    const line = { invoice_id: id, billed_on: issuedOn, quantity: 1 };
    rows.invoice_lines.push({
      ...line,
      position: 1,
      product_id: plan.productId,
      description: `Plan ${plan.name}`,
      amount: money(plan.cents),
    });
    if (device !== undefined) {
      rows.invoice_lines.push({
        ...line,
        position: 2,
        product_id: device.productId,
        description: `Rent of ${device.name}`,
        amount: money(device.cents),
      });
    }
    const invoice = { id, person, issued, cents };
    if (cents > due) addPayment(invoice, cents - due);
    if (due === 0) paid.push(invoice);
  }

  function addPayment(invoice: Invoice, cents: number): void {
    const payer = invoice.person.parent ?? (random.chance(0.01) ? random.pick(people) : invoice.person);
    const attempts = random.chance(0.03) ? ["failed", "succeeded"] : ["succeeded"];
    if (invoice.person.trap === "pending-payment" && payer === invoice.person && !trapped.has(payer.id)) {
      trapped.add(payer.id);
      attempts.splice(0, 2, "pending");
    }
    for (const [index, status] of attempts.entries()) {
      rows.payments.push({
        id: rows.payments.length + 1,
        invoice_id: invoice.id,
        payer_id: payer.id,
        amount: money(cents),
        currency: "EUR",
        status,
        method_snapshot: random.pick(["card", "direct debit", "transfer"]),
        gateway_reference: `ch_${random.code(20)}`,
        paid_on: days.day(Math.max(invoice.issued - index - random.int(0, 9), 1)),
      });
    }
  }

  function addCreditNote(invoice: Invoice): void {
    const id = rows.credit_notes.length + 1;
    const cents = Math.round(invoice.cents / random.int(2, 5));
    const issued = Math.max(invoice.issued - random.int(5, 40), 1);
    const target = random.chance(0.1) ? random.pick(paid) : invoice;
    rows.credit_notes.push({
      id,
      number: `G${days.day(issued).slice(0, 4)}-${String(10_000 + id)}`,
      customer_id: invoice.person.id,
      issued_on: days.day(issued),
      amount: money(cents),
      reason: random.pick(["goodwill", "service outage", "returned goods"]),
      note: random.chance(0.3)
        ? `Agreed with ${invoice.person.first.written} ${invoice.person.last.written} by telephone`
        : null,
    });
    rows.credit_note_allocations.push({
      credit_note_id: id,
      invoice_id: target.id,
      amount: money(cents),
      allocated_on: days.day(issued),
    });
  }

  function addWallet(person: Person): void {
    if (person.trap !== "wallet-balance" && !random.chance(0.45)) return;
    const id = rows.wallets.length + 1;
    const kept = person.trap === "wallet-balance" || (person.left === undefined && random.chance(0.5));
    const balance = kept ? random.int(200, 6_000) : 0;
    const opened = person.joined;
    rows.wallets.push({
      id,
      customer_id: person.id,
      currency: "EUR",
      balance: money(balance),
      opened_on: days.day(opened),
    });
    const spent = random.int(500, 4_000);
    const book = (cents: string, kind: string, ago: number): void => {
      rows.wallet_transactions.push({
        id: rows.wallet_transactions.length + 1,
        wallet_id: id,
        amount: cents,
        kind,
        note: random.chance(0.1) ? `Voucher for ${person.email}` : null,
        booked_on: days.day(ago),
      });
    };
    book(money(balance + spent), "top-up", opened);
    book(`-${money(spent)}`, "purchase", random.int(person.left ?? 1, opened));
  }
};
