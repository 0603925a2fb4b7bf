import type { Certified } from "#certificate/read-certified.ts";
import type { Context } from "#context.ts";
import type { SignedCheckpoint } from "#ledger/write-checkpoint.ts";
import { toolVersion } from "#lib/version.ts";

export type Certificate = ReturnType<typeof certificateOf>;

/** `certificate.json`: `facts` follow from the entries, the rest is the signer's word. */
export const certificateOf = (
  { config, clock, keys }: Pick<Context, "config" | "clock" | "keys">,
  request: string,
  checkpoint: SignedCheckpoint,
  { facts, entries, repositories, left }: Certified,
) => {
  const { name, country, dpo, timeZone } = config.controller;
  return {
    certificate: `${request}-${checkpoint.size}`,
    request,
    made: clock.now().round({ smallestUnit: "millisecond", roundingMode: "floor" }).toString(),
    controller: { name, country, dpo, timeZone },
    facts,
    backups: { repositories, left },
    ledger: {
      size: checkpoint.size,
      root: checkpoint.root.toString("hex"),
      entries: entries.map(({ index }) => index),
    },
    key: keys.signingId,
    tool: `lethe ${toolVersion()}`,
  };
};
