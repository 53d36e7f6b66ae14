/**
 * A program with an etcd inside: a scoreboard that lives in a SQLite file and that any etcd client may watch.
 *
 *     deno run -A examples/embedded/main.ts [FILE] [HOST:PORT]
 *
 * It takes lines `NAME POINTS` and prints who leads.
 */

import { Etcd3 } from "etcd3";
import { createLog, RhinoServer } from "@rhino/rhino";

const [file = "./scores.db", listenClientUrls = "127.0.0.1:0"] = Deno.args;

await using server = await RhinoServer.start({
  endpoint: file,
  listenClientUrls,
  // Only what an operator has to know; without a log Rhino is silent.
  log: createLog({ level: "warn", format: "plain" }),
});
print(`others may watch: etcdctl --endpoints=${server.address} watch --prefix score/`);

// Its own client goes the way of all others, so what they see is what it sees.
const client = new Etcd3({ hosts: server.address });
const scores = client.namespace("score/");
for await (const line of linesOf(Deno.stdin.readable)) {
  const [name = "", points = ""] = line.trim().split(/\s+/);
  if (name === "" || !/^-?\d{1,9}$/.test(points)) {
    print(`expected NAME POINTS, not "${line}"`);
    continue;
  }
  const score = await add(name, Number(points));
  const all = Object.entries(await scores.getAll().numbers());
  const [leader] = all.sort(([, a], [, b]) => b - a);
  print(`${name} has ${score}; ${leader?.[0]} leads with ${leader?.[1]}`);
}
client.close();

/** Adds points, although other clients may do so at the same time. */
async function add(name: string, points: number): Promise<number> {
  for (;;) { // Ends when nobody else has written the score between the read and the write.
    const { kvs: [kv] } = await scores.get(name).exec();
    const score = Number(kv?.value ?? 0) + points;
    const { succeeded } = await scores.if(name, "Mod", "==", kv?.mod_revision ?? 0)
      .then(scores.put(name).value(score))
      .commit();
    if (succeeded) return score;
  }
}

async function* linesOf(bytes: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
