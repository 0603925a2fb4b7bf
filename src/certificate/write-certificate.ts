import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "#context.ts";
import { certificateOf } from "#certificate/certificate.ts";
import { readCertified, type Certified } from "#certificate/read-certified.ts";
import { certificateText } from "#certificate/text.ts";
import { withClient } from "#db/pool.ts";
import { checkpointFile } from "#evidence/entries-file.ts";
import { certificateFile, receiptFile } from "#evidence/receipt-file.ts";
import { signBundle } from "#evidence/sign-bundle.ts";
import { certificateType, mostFiles } from "#evidence/statement.ts";
import { parseReference, unknownRequest } from "#intake/reference.ts";
import { formatTlogProof } from "#ledger/tlog-proof.ts";
import { writeCheckpoint, type SignedCheckpoint } from "#ledger/write-checkpoint.ts";
import { readLanguage } from "#letters/language.ts";
import { pagePdf } from "#letters/pdf.ts";
import { canonicalJson } from "#lib/canonical.ts";
import { LetheError } from "#lib/errors.ts";
import { toolVersion } from "#lib/version.ts";
import { beginSnapshot } from "#report/collect.ts";
import { askedFor, makeWhole } from "#report/whole-directory.ts";

export type WrittenCertificate = {
  /** Its number: the request's reference, and how far the ledger went. */
  readonly certificate: string;
  readonly request: string;
  readonly state: "erased" | "archived" | "completed";
  readonly directory: string;
  /** Ledger entries that are proven in it. */
  readonly entries: number;
};

type Parts = Pick<Context, "config" | "clock" | "keys" | "state">;

/** How often the ledger may go on about the request, or about backups or restores, while it is read. */
const attempts = 10;

/**
 * Writes the certificate of erasure of one request as a signed directory: what its ledger entries tell, as JSON and as a page, with a receipt for
 * each entry (C2SP tlog-proof). It names nobody and says nothing of other requests. While backups hold the person it says until when; written
 * again later, it says that they are gone.
 *
 * @throws LetheError `REQUEST_UNKNOWN`, `REQUEST_STATE` for one that is not done, `STORE_RESTORED`, `FILE_EXISTS`, `REPORT_UNWRITABLE`, `LEDGER_CORRUPT`.
 */
export const writeCertificate = async (
  ctx: Parts,
  reference: string,
  order: { readonly directory: string; readonly language: string },
): Promise<WrittenCertificate> => {
  const ref = parseReference(reference);
  const language = await readLanguage(order.language);
  const { checkpoint, certified } = await readUnderCheckpoint(ctx, ref);
  // Beside them lie the checkpoint, the certificate, and its page.
  if (certified.entries.length > mostFiles[certificateType] - 3) {
    throw new LetheError("REPORT_UNWRITABLE", `request ${ref} has more ledger entries than a certificate can hold`, {
      hint: "its entries are in the reports of the nights",
    });
  }
  const place = await askedFor(order.directory);
  const certificate = certificateOf(ctx, ref, checkpoint, certified);
  const { facts, entries } = certified;
  const page = certificateText(language, certificate);
  const made = ctx.clock.now();
  await makeWhole(place, async () => {
    const put = (name: string, content: string | Buffer): Promise<void> =>
      writeFile(join(place.partial, name), content, { flush: true });
    await put(certificateFile, `${canonicalJson(certificate)}\n`);
    await put("certificate.pdf", await pagePdf(page, made));
    await put(checkpointFile, checkpoint.note);
    for (const { index, body, hashes } of entries) {
      const proof = { index, extra: Buffer.from(body), hashes, checkpoint: checkpoint.note };
      await put(receiptFile(index), formatTlogProof(proof));
    }
    await signBundle(place.partial, {
      signing: ctx.keys.signing,
      keyId: ctx.keys.signingId,
      createdAt: made,
      claim: {
        predicateType: certificateType,
        predicate: {
          request: ref,
          controller: ctx.config.controller.name,
          policies: [...new Set(facts.runs.flatMap(({ policies }) => Object.values(policies)))].toSorted(),
          checkpoint: { size: checkpoint.size, root: checkpoint.root.toString("hex") },
          tool: `lethe ${toolVersion()}`,
        },
      },
    });
  });
  const { directory } = place;
  return { certificate: certificate.certificate, request: ref, state: facts.state, directory, entries: entries.length };
};

const readUnderCheckpoint = async (
  ctx: Parts,
  ref: string,
): Promise<{ readonly checkpoint: SignedCheckpoint; readonly certified: Certified }> => {
  const known = await ctx.state.db.selectFrom("lethe.request").select("id").where("ref", "=", ref).executeTakeFirst();
  if (known === undefined) throw unknownRequest(ref);
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const checkpoint = await writeCheckpoint(ctx, null);
    const certified = await withClient(ctx.state.pool, async (client) => {
      const read = await readCertified(ctx, await beginSnapshot(client), ref, checkpoint);
      await client.query("commit");
      return read;
    });
    if (certified !== undefined) return { checkpoint, certified };
  }
  throw new LetheError("RUN_IN_PROGRESS", "the ledger goes on about this request while its certificate is made", {
    hint: "make it once the run that works on it has ended",
  });
};
