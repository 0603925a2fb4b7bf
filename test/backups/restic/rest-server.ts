import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";

/** What is asked for: `DELETE data`. */
type Asked = (what: string) => boolean;

export type RestServer = AsyncDisposable & { readonly url: string };

const version = "application/vnd.x.restic.rest.v2";

/**
 * Serves a repository of restic in a directory as its REST backend, of which it does what `forget` and `prune` ask for. After what `last` says
 * yes to it does nothing any more and answers nobody.
 *
 * https://restic.readthedocs.io/en/stable/REST_backend.html
 */
export const startRestServer = async (repository: string, last: Asked): Promise<RestServer> => {
  let silent = false;
  const server = createServer((request, response) => {
    if (silent) return;
    const [, type = "", name = ""] = new URL(request.url ?? "", "http://localhost").pathname.split("/");
    const path =
      type === "data" && name !== "" ? join(repository, type, name.slice(0, 2), name) : join(repository, type, name);
    void serve(request, response, path, name === "" && type !== "config").then((answer) => {
      silent ||= last(`${request.method} ${type}`);
      if (!silent) answer();
    });
  });
  await new Promise<void>((settle) => server.listen(0, "127.0.0.1", settle));
  const { port } = server.address() as AddressInfo;
  return {
    url: `rest:http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: () =>
      new Promise((settle) => {
        server.close(() => settle());
        server.closeAllConnections();
      }),
  };
};

/** Does what is asked for; returns how to say so. */
const serve = async (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  isList: boolean,
): Promise<() => void> => {
  try {
    if (request.method === "POST") await writeFile(path, await buffer(request));
    if (request.method === "DELETE") await rm(path);
    if (request.method === "POST" || request.method === "DELETE") return () => response.writeHead(200).end();
    if (isList) {
      const body = JSON.stringify(await namesAndSizes(path));
      return () => response.writeHead(200, { "content-type": version }).end(body);
    }
    const whole = await readFile(path);
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    const part = from === undefined ? whole : whole.subarray(Number(from), to === "" ? whole.length : Number(to) + 1);
    return () =>
      response
        .writeHead(from === undefined ? 200 : 206, { "content-length": part.length })
        .end(request.method === "HEAD" ? "" : part);
  } catch {
    return () => response.writeHead(404).end();
  }
};

const namesAndSizes = async (path: string): Promise<readonly { readonly name: string; readonly size: number }[]> => {
  const files = (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  return Promise.all(
    files.map(async ({ name, parentPath }) => ({ name, size: (await stat(join(parentPath, name))).size })),
  );
};
