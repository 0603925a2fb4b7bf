import { formatPlace } from "#lib/errors.ts";
import type { PolicyCheck } from "#policy-check.ts";

/** Findings as editors link them, each with what to write instead. */
export const checkText = (checks: readonly PolicyCheck[]): string => checks.map(oneText).join("\n\n");

const oneText = ({ store, policy, version, digest, tables, findings, examples }: PolicyCheck): string => {
  const title = `Store ${store}: policy ${policy} version ${version} (${digest.slice(0, 12)})`;
  if (findings.length === 0) {
    const counted = Object.entries(tables)
      .map(([treatment, count]) => `${treatment} ${count}`)
      .join(", ");
    return `${title}\n  ✓ covers the store and contradicts nothing: ${counted} tables\n  ${examplesText(examples)}`;
  }
  const lines = findings.map(
    ({ code, message, place, hint }) => `  ✗ ${formatPlace(place)}  ${code}\n    ${message}\n    → ${hint}`,
  );
  return [`${title}: ${findings.length} ${findings.length === 1 ? "finding" : "findings"}`, ...lines].join("\n");
};

const examplesText = ({ run, held }: PolicyCheck["examples"]): string =>
  run === 0 ? "– has no examples: say under `examples` what must become of whom" : `✓ ${held} of ${run} examples hold`;
