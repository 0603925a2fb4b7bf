import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkBackups } from "#backups/check.ts";
import { purgeBackups } from "#backups/purge.ts";
import type { Context } from "#context.ts";
import type { S3Config } from "#config.ts";
import { gatewayMissing } from "#test/backups/programs.ts";
import { lineTo } from "#test/backups/s3/between.ts";
import { bucketScene, type BucketScene } from "#test/backups/s3/bucket-scene.ts";
import { freePort } from "#test/flow/debian-server.ts";

const now = "2026-11-22T03:00:00Z";

describe.skipIf(gatewayMissing !== undefined)("a bucket that cannot be read", () => {
  let at: BucketScene;
  beforeEach(async () => {
    at = await bucketScene(now);
    await at.putNights(32, "2026-11-22");
  });
  afterEach(() => at.dispose());

  const withConfig = (changed: Partial<S3Config>): Context => {
    const context = at.on(now);
    return { ...context, config: { ...context.config, backups: [{ ...at.config, ...changed }] } };
  };

  /** What `check` says, after a night has found the same, deleted nothing, and told nobody a key or a secret. */
  const trouble = async (changed: Partial<S3Config>, secrets: readonly string[] = []): Promise<string> => {
    const context = withConfig(changed);
    const [result] = await purgeBackups(context, await at.newRun("R1"));
    expect(result).toMatchObject({ purged: 0, exceptions: [{ name: "*", code: "BACKUPS_UNREADABLE", breach: null }] });
    const [checked] = await checkBackups(context);
    const { code, message, hint } = checked?.findings[0] ?? {};
    expect(checked).toMatchObject({ window: null, findings: [{ code: "BACKUPS_UNREADABLE" }] });
    expect(at.logged()).toContain(hint);
    const ledger = await at.state.query<{ body: string }>("select body from lethe.ledger_entry");
    const told = JSON.stringify([checked, at.logged(), ledger, result]);
    const { accessKeyId, secretAccessKey } = at.credentials;
    for (const secret of [accessKeyId, secretAccessKey, ...secrets]) expect(told).not.toContain(secret);
    expect(await at.listed()).toHaveLength(32);
    return `${code}: ${message}: ${hint}`;
  };

  test("where nothing answers", async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    expect(await trouble({ endpoint })).toMatch(/\(ECONNREFUSED\): correct `endpoint`, or mend the network/);
  });

  test("where there is no such host", async () => {
    expect(await trouble({ endpoint: "http://bucket.invalid" })).toMatch(
      /\((?:ENOTFOUND|EAI_AGAIN)\): correct `endpoint`/,
    );
  });

  test("where there is no such bucket", async () => {
    expect(await trouble({ bucket: "nobody" })).toMatch(/bucket nobody .*\(NoSuchBucket, 404\): correct `bucket`/);
  });

  test("with another secret", async () => {
    process.env["AWS_SECRET_ACCESS_KEY"] = "wrong-but-secret";
    expect(await trouble({}, ["wrong-but-secret"])).toMatch(/\(SignatureDoesNotMatch, 403\): correct the credentials/);
  });

  test("with a key that the server does not know", async () => {
    process.env["AWS_ACCESS_KEY_ID"] = "AKNOBODY";
    expect(await trouble({}, ["AKNOBODY"])).toMatch(/\(InvalidAccessKeyId, 403\): correct the credentials/);
  });

  test("without credentials", async () => {
    delete process.env["AWS_ACCESS_KEY_ID"];
    expect(await trouble({ profile: "nobody" })).toMatch(/\(CredentialsProviderError\): give the SDK credentials/);
  });

  test("in another region", async () => {
    expect(await trouble({ region: "eu-west-1" })).toMatch(/\(AuthorizationHeaderMalformed, 400\): correct `region`/);
  });

  test("over TLS where there is none", async () => {
    const endpoint = at.endpoint.replace("http:", "https:");
    expect(await trouble({ endpoint })).toMatch(/\(EPROTO\): let Node know who signed .* http or https in `endpoint`/);
  });

  test.each([404, 200])("where something else answers with %s", async (status) => {
    const other = createServer((_request, answer) => void answer.writeHead(status).end("<html>not here</html>"));
    await once(other.listen(0, "127.0.0.1"), "listening");
    const { port } = other.address() as AddressInfo;
    try {
      const told = await trouble({ endpoint: `http://127.0.0.1:${port}` });
      expect(told).toMatch(/\((?:NotFound, 404|NotUnderstood)\): correct `endpoint`: what answers there is no S3/);
    } finally {
      other.close();
    }
  });

  test("where every page leads to another that was there before", async () => {
    const line = await lineTo(at.endpoint);
    let pages = 0;
    line.rewrite = ({ url }, body) => {
      if (!url.includes("versions")) return body;
      pages += 1;
      const next = `<IsTruncated>true</IsTruncated><NextKeyMarker>${pages % 2 === 0 ? "a" : "b"}</NextKeyMarker>`;
      return body.replace(/<NextKeyMarker>.*?<\/NextKeyMarker>/, "").replace("<IsTruncated>false</IsTruncated>", next);
    };
    // Else it would go on for ever.
    line.answer = () => (pages > 20 ? 403 : undefined);
    try {
      expect(await trouble({ endpoint: line.endpoint })).toMatch(/\(NotUnderstood\)/);
    } finally {
      await line.close();
    }
  });

  test("is read again when all is well", async () => {
    await trouble({ bucket: "nobody" });
    expect(await at.purge(now, "R2")).toMatchObject({ purged: 2, kept: 30, exceptions: [] });
  });
});
