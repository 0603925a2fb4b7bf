import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

// ClickHouse behind its own protocol: what comes by HTTP is done by the engine in this process, as a server does it. To be killed, and started
// again on the same directory. Prints its port. Usage: server.ts DIRECTORY [PORT]

type Session = { readonly queryAsync: (query: string, options: { format: string }) => Promise<{ text: () => string }> };
const name = "chdb";
const { Session: Open } = (await import(name)) as { readonly Session: new (directory: string) => Session };
const session = new Open(process.argv[2] ?? "");

/** Of HTTP, or of the connection: no settings of the engine. */
const ofTransport =
  /^(query|database|query_id|session_id|session_timeout|default_format|wait_end_of_query|send_progress_in_http_headers|http_.*|enable_http_compression|cancel_http_readonly_queries_on_client_close)$/;

const quoted = (value: string): string => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const asked = new URL(request.url ?? "/", "http://localhost");
  if (asked.pathname === "/ping") return void response.end("Ok.\n");
  const body = await text(request);
  const settings = [...asked.searchParams]
    .filter(([key]) => !ofTransport.test(key))
    .map(([key, value]) => `SET ${key} = ${quoted(value)};`);
  const statement = [asked.searchParams.get("query") ?? "", body].filter((part) => part !== "").join("\n");
  try {
    const result = await session.queryAsync(`${settings.join("\n")}\n${statement}`, { format: "TabSeparated" });
    response.end(result.text());
  } catch (error) {
    const message = (error instanceof Error ? error.message : String(error)).replace(/^Query failed: /, "");
    response.writeHead(500, { "x-clickhouse-exception-code": /Code: (\d+)/.exec(message)?.[1] ?? "1" });
    response.end(message);
  }
};

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.listen(Number(process.argv[3] ?? 0), "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" && address !== null ? address.port : "");
});
