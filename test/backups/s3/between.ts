import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** What was asked: of the method and the address, as they stand in the request. */
export type Asked = { readonly method: string; readonly url: string };

/** A line between Lethe and a server, on which somebody sits. */
export type Line = {
  readonly endpoint: string;
  /** Answers instead of the server, with a status and nothing else; undefined lets the question pass. */
  answer: (asked: Asked) => number | undefined;
  /** Another text than the server's. Asked of all that is XML. */
  rewrite: (asked: Asked, body: string) => string;
  readonly close: () => Promise<void>;
};

export const lineTo = async (endpoint: string): Promise<Line> => {
  const { hostname, port } = new URL(endpoint);
  const server = createServer((asked, answer) => {
    const { method = "", url = "" } = asked;
    const status = line.answer({ method, url });
    if (status !== undefined) {
      asked.resume();
      answer.writeHead(status).end();
      return;
    }
    // As they are: they are signed.
    const passed = request({ hostname, port, method, path: url, headers: asked.headers });
    asked.pipe(passed);
    passed.on("error", () => void answer.destroy());
    passed.on("response", (told: IncomingMessage) => {
      const { statusCode = 0, headers } = told;
      if (headers["content-type"]?.includes("xml") !== true) {
        answer.writeHead(statusCode, headers);
        told.pipe(answer);
        return;
      }
      void text(told).then((body) => {
        const { "content-length": _length, "transfer-encoding": _encoding, ...others } = headers;
        answer.writeHead(statusCode, others).end(line.rewrite({ method, url }, body));
      });
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const line: Line = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: () => undefined,
    rewrite: (_asked, body) => body,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return line;
};

/** What a listing of versions says without one of them. */
export const withoutVersion = (body: string, version: string): string =>
  body.replaceAll(/<Version>.*?<\/Version>/gs, (each) => (each.includes(`>${version}<`) ? "" : each));
