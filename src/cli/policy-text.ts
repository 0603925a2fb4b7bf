import { formatPlace } from "#lib/errors.ts";
import type { PolicyCheck } from "#policy-check.ts";

/** Findings as editors link them, each with what to write instead. */
export const checkText = (checks: readonly PolicyCheck[]): string => checks.map(oneText).join("\n\n");

const oneText = ({
  store,
  policy,
  version,
  digest,
  tables,
  findings,
  examples,
  indexes,
  warnings,
}: PolicyCheck): string => {
  const title = `Store ${store}: policy ${policy} version ${version} (${digest.slice(0, 12)})`;
  if (findings.length === 0) {
    const counted = Object.entries(tables)
      .map(([treatment, count]) => `${treatment} ${count}`)
      .join(", ");
    return [
      title,
      `  ✓ covers the store and contradicts nothing: ${counted} tables`,
      `  ${examplesText(examples)}`,
      ...indexes.map(indexText),
      ...warnings.map((warning) => `  ! ${warning}`),
    ].join("\n");
  }
  const lines = findings.map(
    ({ code, message, place, hint }) => `  ✗ ${formatPlace(place)}  ${code}\n    ${message}\n    → ${hint}`,
  );
  return [`${title}: ${findings.length} ${findings.length === 1 ? "finding" : "findings"}`, ...lines].join("\n");
};

const indexText = ({ table, clock, proposal }: PolicyCheck["indexes"][number]): string =>
  [
    `  ! no index finds the old rows of ${table} by ${clock}: every night reads the whole table. To make one:`,
    ...proposal.map((statement) => `    ${statement}`),
  ].join("\n");

const examplesText = ({ run, held }: PolicyCheck["examples"]): string =>
  run === 0 ? "– has no examples: say under `examples` what must become of whom" : `✓ ${held} of ${run} examples hold`;
