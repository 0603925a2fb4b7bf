import mustache from "mustache";
import { Temporal } from "temporal-polyfill";
import type { Certificate } from "#certificate/certificate.ts";
import { dateIn, exceptionIn } from "#letters/compose.ts";
import type { Language } from "#letters/language.ts";
import type { Page } from "#letters/pdf.ts";
import { dayIn } from "#lib/clock.ts";

/** The certificate as people read it: nothing is in it that is not in `certificate.json`. */
export const certificateText = (language: Language, certificate: Certificate): Page => {
  const facts = factsOf(language, certificate);
  const { subject, text } = language.certificate;
  const render = (template: string): string => mustache.render(template, facts, {}, { escape: String }).trim();
  const title = render(subject);
  return { title, reference: certificate.request, markdown: `# ${title}\n\n${render(text)}\n` };
};

const factsOf = (language: Language, certificate: Certificate): Readonly<Record<string, unknown>> => {
  const { facts, controller, backups, ledger } = certificate;
  const date = dateIn(language);
  const day = (instant: string): string => date(dayIn(Temporal.Instant.from(instant), controller.timeZone).toString());
  const { treatments, outcomes } = language.certificate;
  const records = facts.dispositions.filter(({ rows }) => rows > 0);
  return {
    number: certificate.certificate,
    reference: certificate.request,
    made: day(certificate.made),
    controller: controller.name,
    dpo: controller.dpo,
    received: date(facts.received),
    due: date(facts.due),
    basis: facts.basis,
    approvals: facts.approved.map(({ at, plan, ground }) => ({ day: day(at), plan: plan.slice(0, 12), ground })),
    searched: day(facts.verified.at),
    run: facts.verified.run,
    stores: Object.entries(facts.outcomes).map(([store, outcome]) => ({ store, outcome: outcomes[outcome] })),
    anyRecords: records.length > 0,
    records: records.map(({ store, table, treatment, rows, basis, until, exception }) => ({
      place: `${store}.${table}`,
      rows,
      treatment: treatments[treatment],
      until: until && date(until.last),
      law: basis,
      exception: exception && exceptionIn(language, exception),
    })),
    anyStays: facts.stays.length > 0,
    stays: facts.stays.map(({ store, table, column, why, until }) => ({
      place: `${store}.${table}.${column}`,
      why,
      until: until && date(until),
    })),
    anyEnded: facts.ended.length > 0,
    ended: facts.ended.map(({ store, table, at }) => ({ place: `${store}.${table}`, day: day(at) })),
    residuals: facts.residuals.map(({ at, places }) => ({
      day: day(at),
      places: places.map(({ store, table, column }) => `${store}.${table}.${column}`).join(", "),
    })),
    restores: facts.restored.map(({ store, asOf, released, refused }) => ({
      store,
      since: day(asOf),
      day: day(released),
      refused,
    })),
    anyBackups: backups.repositories.length > 0,
    completed: facts.completed && day(facts.completed),
    none: facts.completed !== null && backups.left.length === 0,
    later: facts.state === "archived",
    unsettled: facts.state === "erased" && backups.left.length === 0,
    left: backups.left.map(({ repository, sets, logs, clearOn, holds }) => ({
      repository,
      sets,
      logs: logs > 0,
      until: clearOn && date(clearOn),
      holds: holds.length > 0,
    })),
    anyRecipients: facts.recipients.length > 0,
    recipients: facts.recipients,
    anyCopies: facts.copies.length > 0,
    copies: facts.copies.map(({ store, sha256 }) => ({ store, sha256 })),
    tools: [...new Set(facts.runs.map(({ tool }) => tool))].join(", "),
    size: ledger.size,
    root: ledger.root,
    key: certificate.key,
  };
};
