import { openWorkplace } from "#test/bench/workplace.ts";
import { drawSubjects } from "#test/bench/subjects.ts";
import { eraseByScript } from "#test/bench/script.ts";
import { timeScan } from "#test/bench/scan.ts";
const [d = "", ...what] = process.argv.slice(2);
await using place = await openWorkplace(d, 500000, console.log);
for (const w of what) {
  const [job = "", n = "1000"] = w.split(":");
  await place.client.query("checkpoint");
  if (job === "log") {
    for (const db of ["shop", "lethe"])
      await place.client.query(`alter database ${db} set log_min_duration_statement = ${n}`);
    continue;
  }
  if (job === "scan") {
    const s = await timeScan(place.client);
    console.log("scan", s);
    continue;
  }
  if (job === "script") {
    const b = await drawSubjects(place.client, Number(n), Math.trunc(Date.now() / 1000));
    const t = performance.now();
    await eraseByScript(
      place.client,
      b.map((s) => s.id),
    );
    console.log("script", n, ((performance.now() - t) / 1000).toFixed(1));
    continue;
  }
  if (job === "intake") {
    const b = await drawSubjects(place.client, Number(n), Math.trunc(Date.now() / 1000));
    console.log("intake", n, await place.request(b.map((s) => s.email)));
    continue;
  }
  const r = await place.lethe("run", job);
  console.log(job, r.seconds.toFixed(1), "s", r.megabytes.toFixed(0), "MB");
}
