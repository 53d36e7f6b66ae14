// Keepalive: how often a client may ping, and how many calls it may have at once.

import assert from "node:assert/strict";
import http2 from "node:http2";
import { connect } from "node:net";
import "../support/goaway_guard.ts";
import { pause } from "../support/polling.ts";
import { frame } from "../support/raw_call.ts";
import { serviceTest } from "../support/service_case.ts";

const ENHANCE_YOUR_CALM = 11;
const AWAY = [ENHANCE_YOUR_CALM, "too_many_pings"] as const;

/** Pings that are taken before one is too many: the first is none too soon, and two strikes are forgiven. */
const PINGS_FORGIVEN = 3;

/** One connection by hand, with its pings counted. */
class PingingClient implements AsyncDisposable {
  readonly #session: http2.ClientHttp2Session;
  readonly #closed = Promise.withResolvers<void>();
  #goaway: readonly [code: number, text: string] | undefined;

  private constructor(session: http2.ClientHttp2Session) {
    this.#session = session;
    session.on("error", () => {});
    // The first tells why; another one may come with the end of the connection.
    session.once("goaway", (code, _lastStream, data) => this.#goaway = [code, String(data ?? "")]);
    session.on("close", () => this.#closed.resolve());
  }

  static async connect(address: string): Promise<PingingClient> {
    const session = http2.connect(`http://${address}`);
    const client = new PingingClient(session);
    await new Promise<void>((resolve) => session.once("remoteSettings", () => resolve()));
    return client;
  }

  /** Pings again and again, and tells how many were answered while the connection lived, and why it ended. */
  async ping(count: number, { everyMs = 0 }: { readonly everyMs?: number } = {}) {
    for (let answered = 0; answered < count; answered++) {
      const isAnswered = await Promise.race([this.#pingOnce(), this.#closed.promise]);
      if (isAnswered !== true) return { answered, goaway: this.#goaway };
      if (everyMs > 0) await pause(everyMs);
    }
    return { answered: count, goaway: this.#goaway };
  }

  #pingOnce(): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#session.destroyed || !this.#session.ping((error) => resolve(error === null))) {
        resolve(false);
      }
    });
  }

  /** Resolves when the server has closed the connection, with what it said before. */
  async end(): Promise<readonly [code: number, text: string] | undefined> {
    await this.#closed.promise;
    return this.#goaway;
  }

  /** Opens a watch that says nothing but that it was made. */
  async watch(key: string): Promise<void> {
    const name = new TextEncoder().encode(key);
    const create = [0x0a, 2 + name.length, 0x0a, name.length, ...name];
    const stream = this.#session.request(callTo("/etcdserverpb.Watch/Watch"));
    stream.on("error", () => {});
    stream.write(frame(new Uint8Array(create)));
    await new Promise<void>((resolve) => stream.once("data", () => resolve()));
    stream.resume();
  }

  async call(): Promise<void> {
    const stream = this.#session.request(callTo("/etcdserverpb.Maintenance/Status"));
    stream.end(frame(new Uint8Array()));
    stream.resume();
    await new Promise<void>((resolve) => stream.on("close", () => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.destroy();
    await this.#closed.promise;
  }
}

function callTo(path: string): http2.OutgoingHttpHeaders {
  return { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
}

/**
 * One is too many; but what the server still has to send of the connection's beginning, an acknowledgement of settings say,
 * may come between two pings and pardon those before it.
 */
const PINGS_TOO_MANY = 6;

/** Pings until the server has had enough, and tells how many it took. */
async function assertSentAway(client: PingingClient): Promise<void> {
  assert.deepEqual(await client.ping(PINGS_FORGIVEN), {
    answered: PINGS_FORGIVEN,
    goaway: undefined,
  });
  void client.ping(PINGS_TOO_MANY);
  assert.deepEqual(await client.end(), AWAY);
}

const OFTEN = { flags: ["--grpc-keepalive-min-time=10ms"] } as const;

serviceTest(
  "Pings: too many without a call are sent away, whatever their interval",
  OFTEN,
  async (t) => {
    await using client = await PingingClient.connect(t.endpoint.address);
    const { answered } = await client.ping(PINGS_FORGIVEN, { everyMs: 20 });
    assert.equal(answered, PINGS_FORGIVEN);
    void client.ping(PINGS_TOO_MANY);
    assert.deepEqual(await client.end(), AWAY);
  },
);

serviceTest("Pings: as often as allowed while a call is open", OFTEN, async (t) => {
  await using client = await PingingClient.connect(t.endpoint.address);
  await client.watch(t.key("a"));
  const { answered, goaway } = await client.ping(10, { everyMs: 20 });
  assert.deepEqual([answered, goaway], [10, undefined]);
});

serviceTest("Pings: too many while a call is open are sent away", async (t) => {
  await using client = await PingingClient.connect(t.endpoint.address);
  await client.watch(t.key("a"));
  // The first comes after an answer.
  assert.equal((await client.ping(1)).answered, 1);
  assert.deepEqual(await client.ping(2), { answered: 2, goaway: undefined });
  void client.ping(PINGS_TOO_MANY);
  assert.deepEqual(await client.end(), AWAY);
});

serviceTest("Pings: an interval of 0 is the default of five minutes", {
  flags: ["--grpc-keepalive-min-time=0s"],
}, async (t) => {
  await using client = await PingingClient.connect(t.endpoint.address);
  await client.watch(t.key("a"));
  assert.equal((await client.ping(3, { everyMs: 20 })).answered, 3);
  void client.ping(PINGS_TOO_MANY);
  assert.deepEqual(await client.end(), AWAY);
});

serviceTest("Pings: those between answers are no offence", async (t) => {
  await using client = await PingingClient.connect(t.endpoint.address);
  for (let round = 0; round < 10; round++) {
    assert.equal((await client.ping(2)).answered, 2, `round ${round}`);
    await client.call();
  }
});

serviceTest("Pings: others may go on after one was sent away", async (t) => {
  await using client = await PingingClient.connect(t.endpoint.address);
  await assertSentAway(client);
  await t.client.maintenance.status({});
});

/** Takes part in HTTP/2 no further than its greeting; resolves with all it was sent when it is let go. */
function deadClient(address: string): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const [host, port] = address.split(":");
  const socket = connect(Number(port), host);
  const received: Uint8Array[] = [];
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(new Uint8Array([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  socket.on("data", (chunk: Uint8Array) => received.push(chunk));
  socket.on("error", reject);
  socket.on("close", () => resolve(Buffer.concat(received)));
  return promise;
}

serviceTest("Keepalive: a client that answers no ping is let go", {
  flags: ["--grpc-keepalive-interval=1s", "--grpc-keepalive-timeout=1s"],
}, async (t) => {
  await using alive = await PingingClient.connect(t.endpoint.address);
  await alive.watch(t.key("a"));
  const received = await deadClient(t.endpoint.address);
  const ping = new Uint8Array([0, 0, 8, 6, 0, 0, 0, 0, 0]);
  assert.ok(Buffer.from(received).includes(ping), "it was pinged before");
  assert.deepEqual(await alive.ping(1), { answered: 1, goaway: undefined });
});

serviceTest("Keepalive: with a timeout of 0 nobody is pinged", {
  flags: ["--grpc-keepalive-interval=50ms", "--grpc-keepalive-timeout=0s"],
}, async (t) => {
  await using client = await PingingClient.connect(t.endpoint.address);
  await client.watch(t.key("a"));
  await pause(500);
  assert.deepEqual(await client.ping(1), { answered: 1, goaway: undefined });
});
