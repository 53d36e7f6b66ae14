/** A backend that breaks its contract: its callers get an error in time, the log says which promise it was, and it is opened again. */

import assert from "node:assert/strict";
import {
  type Backend,
  BackendError,
  type BackendErrorKind,
  FIRST_HEAD,
} from "../../backends/contract.ts";
import { openBackend } from "../../backends/registry.ts";
import { batchAt, bytes, OPEN_OPTIONS, putRow, range } from "../../backends/conformance/subject.ts";
import { eventually } from "../support/polling.ts";
import { keepBatches, type KeptPlace } from "./kept_batches.ts";

interface Kept extends AsyncDisposable {
  readonly place: KeptPlace;
  readonly backend: Backend;
  /** `LEVEL MESSAGE` */
  readonly lines: string[];
}

/** A store with two keys, at revision 2. */
async function openKept(): Promise<Kept> {
  const place = keepBatches();
  const lines: string[] = [];
  const log = (level: string, message: string) => void lines.push(`${level} ${message}`);
  const backend = await openBackend({ endpoint: place.endpoint, backends: [place.backend] }, {
    ...OPEN_OPTIONS,
    log,
  });
  const rows = ["a", "b"].map((key, sub) => putRow(bytes(key), { revision: 2, sub }));
  await backend.append(batchAt(await backend.head(), { rows }));
  return {
    place,
    backend,
    lines,
    async [Symbol.asyncDispose]() {
      await backend.close();
      await place[Symbol.asyncDispose]();
    },
  };
}

async function assertEnds(call: Promise<unknown>, kind: BackendErrorKind): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof BackendError, String(error));
    assert.equal(error.kind, kind);
    return true;
  });
}

/** One line tells of the promise, and the store is there again once it is kept. */
async function assertBreaks({ place, backend, lines }: Kept, promise: RegExp): Promise<void> {
  await eventually("the line", () => Promise.resolve(brokenIn(lines).length > 0));
  assert.deepEqual(brokenIn(lines).length, 1, lines.join("\n"));
  assert.match(brokenIn(lines)[0] ?? "", promise);
  place.fault = "";
  await assertIsThere(backend);
}

function brokenIn(lines: readonly string[]): string[] {
  return lines.filter((line) => line.startsWith("error the backend kept broke its contract: "));
}

async function assertIsThere(backend: Backend): Promise<void> {
  await eventually("the store is open again", async () => {
    try {
      const { kvs } = await range(backend);
      assert.ok(kvs.length >= 2, "what was acknowledged is there");
      return true;
    } catch (error) {
      assert.ok(error instanceof BackendError && error.kind === "unavailable", String(error));
      return false;
    }
  });
}

const PUT = { rows: [putRow(bytes("c"), { revision: 3 })] };

type Call = (backend: Backend) => Promise<unknown>;

const CALLS = {
  head: (backend) => backend.head(),
  range: (backend) => range(backend, { limit: 5 }),
  load: (backend) =>
    backend.load({ keys: [bytes("a"), bytes("b")], leases: [], records: [], revision: 0 }),
} satisfies Record<string, Call>;

const FAULTS: readonly (readonly [fault: string, call: keyof typeof CALLS, promise: RegExp])[] = [
  ["head:throws", "head", /: head: it threw Error: I do not know$/],
  ["head:conflicts", "head", /: head failed as "conflict", which only append may$/],
  ["head:makes up a kind", "head", /: head failed as "tired"$/],
  [
    "head:reads a file",
    "head",
    /: it asked for read access to "\/etc\/hostname", which the sandbox refuses$/,
  ],
  ["answer:undefined", "head", /: head answered nonsense: undefined$|the head that head answered/],
  ["answer:undefined", "range", /: range: it answered nonsense$/],
  ["answer:reversed", "range", /: range answered keys out of order$/],
  ["answer:too many", "range", /: range answered 6 keys with a limit of 5$/],
  ["answer:gone back", "range", /: the head went back from index 1 to 0$/],
  [
    "answer:fraction",
    "range",
    /: revision of the head that range answered is 1\.5, not a whole number/,
  ],
  ["answer:function", "range", /: range: it threw DataCloneError: .+could not be cloned/],
  [
    "answer:too few",
    "load",
    /: the kvs that load answered are 1, not the 2 asked for$/,
  ],
  [
    "answer:reversed",
    "load",
    /: load answered another key than the one asked for$/,
  ],
];

for (const [fault, call, promise] of FAULTS) {
  Deno.test(`sandbox: ${call} with the fault "${fault}" is told of, and the store opened again`, async () => {
    await using kept = await openKept();
    kept.place.fault = fault;
    await assertEnds(CALLS[call](kept.backend), "unavailable");
    await assertBreaks(kept, promise);
    assert.equal(kept.place.opened, 2);
  });
}

for (
  const [fault, promise] of [
    ["head:throws later", /: uncaught exception: boom$/],
    ["head:rejects later", /: unhandled rejection: bang$/],
    ["head:exits", /: the module ended its own thread$/],
    ["head:sends nothing", /: it sent nonsense: a message is null, not an object$/],
    ["head:sends a weird line", /: it sent nonsense: a line's message is an object, not a text$/],
    ["head:begins anew", /: it began anew$/],
    ["head:floods", /: it flooded the server with messages$/],
    ["head:leaks", /: it used \d+ MiB of memory, more than 1024 MiB$/],
  ] as const
) {
  Deno.test(`sandbox: a backend with the fault "${fault}" is ended, and opened again`, async () => {
    await using kept = await openKept();
    kept.place.fault = fault;
    // It may well answer before it goes.
    await kept.backend.head().catch((error) => assert.ok(error instanceof BackendError));
    kept.place.fault = "";
    await assertBreaks(kept, promise);
  });
}

Deno.test("sandbox: an append that was sent ends as indeterminate, and the store opened again knows its outcome", async () => {
  for (
    const [fault, outcome] of [["append:dies", "applied"], ["append:throws", "unknown"]] as const
  ) {
    await using kept = await openKept();
    const { backend, place, lines } = kept;
    assert.equal(backend.capabilities.exclusive, true);
    const batch = batchAt(await backend.head(), PUT);
    place.fault = fault;
    await assertEnds(backend.append(batch), "indeterminate");
    // The engine must look where the store stands now.
    assert.equal(backend.capabilities.exclusive, false);
    place.fault = "";
    await eventually("an outcome", async () => {
      try {
        return await backend.outcome(batch.head) === outcome;
      } catch {
        return false;
      }
    });
    assert.equal(brokenIn(lines).length, 1, lines.join("\n"));
    assert.ok(lines.includes("info the backend kept is open again"));
  }
});

Deno.test("sandbox: while the store is being opened again, an append that was not sent is unavailable", async () => {
  await using kept = await openKept();
  const { backend, place } = kept;
  const batch = batchAt(await backend.head(), PUT);
  place.fault = "head:throws";
  await assertEnds(backend.head(), "unavailable");
  await assertEnds(backend.append(batch), "unavailable");
  place.fault = "";
  await assertIsThere(backend);
  await backend.append(batch);
});

Deno.test("sandbox: an error of the backend's own class keeps its kind and its text, and breaks nothing", async () => {
  await using kept = await openKept();
  kept.place.fault = "head:is away";
  await assert.rejects(kept.backend.head(), (error) => {
    assert.ok(error instanceof BackendError);
    assert.deepEqual([error.kind, error.message], ["unavailable", "on holiday"]);
    return true;
  });
  kept.place.fault = "";
  await kept.backend.head();
  assert.equal(kept.place.opened, 1);
  assert.deepEqual(kept.lines, []);
});

Deno.test("sandbox: a store with another cluster id is not taken for the one that was open", async () => {
  await using kept = await openKept();
  const { place, backend, lines } = kept;
  place.clusterId = 78n;
  place.fault = "head:throws";
  await assertEnds(backend.head(), "unavailable");
  place.fault = "";
  const refused =
    "error the backend kept cannot be opened again: it opened another store than before (another cluster id)";
  await eventually("the refusal", () => Promise.resolve(lines.includes(refused)));
  await eventually("another try", () => Promise.resolve(place.opened > 2));
  await assertEnds(backend.head(), "unavailable");
  assert.equal(lines.filter((line) => line === refused).length, 1, "told once");
  place.clusterId = 77n;
  await assertIsThere(backend);
});

Deno.test("sandbox: a store that cannot be opened again is tried until it can", async () => {
  await using kept = await openKept();
  const { place, backend, lines } = kept;
  place.fault = "head:throws";
  await assertEnds(backend.head(), "unavailable");
  place.fault = "open";
  const line = "error the backend kept cannot be opened again: the place is closed";
  await eventually("the line", () => Promise.resolve(lines.includes(line)));
  place.fault = "";
  await assertIsThere(backend);
});

Deno.test("sandbox: of many lines of the log some are written, and the rest is counted", async () => {
  await using kept = await openKept();
  const { place, backend, lines } = kept;
  place.fault = "head:logs much";
  await backend.head();
  assert.equal(lines.filter((line) => line.startsWith("info line ")).length, 50);
  assert.equal(place.opened, 1);
});

Deno.test("sandbox: a line with a value that cannot be written is written all the same", async () => {
  await using kept = await openKept();
  kept.place.fault = "head:sends a weird field";
  await kept.backend.head();
  kept.place.fault = "";
  await eventually("the line", () => Promise.resolve(kept.lines.includes("info odd")));
  assert.deepEqual(brokenIn(kept.lines), []);
});

Deno.test("sandbox: changes() wakes once the store is open again, and ends with its signal", async () => {
  await using kept = await openKept();
  const { place, backend } = kept;
  const controller = new AbortController();
  const wakes = backend.changes(controller.signal)[Symbol.asyncIterator]();
  const first = wakes.next();
  await backend.append(batchAt(await backend.head(), PUT));
  assert.equal((await first).done, false);
  const second = wakes.next();
  place.fault = "head:throws";
  await assertEnds(backend.head(), "unavailable");
  place.fault = "";
  assert.equal((await second).done, false);
  controller.abort();
  for (;;) { // Ends with the signal.
    if ((await wakes.next()).done === true) break;
  }
});

Deno.test("sandbox: closing while the store is being opened again ends in time", async () => {
  await using kept = await openKept();
  kept.place.fault = "head:throws";
  await assertEnds(kept.backend.head(), "unavailable");
  await kept.backend.close();
  await assertEnds(kept.backend.head(), "unavailable");
});

// The last, for the thread in the loop goes on as long as this process.
Deno.test("sandbox: a backend that hangs, or is in a loop, is ended when a call's time is over", async () => {
  let standing = FIRST_HEAD;
  const trial = async (fault: string, call: Call, kind: BackendErrorKind) => {
    await using kept = await openKept();
    // Of the engine, which knows where the store stands.
    standing = await kept.backend.head();
    kept.place.fault = fault;
    const method = fault.split(":")[0];
    await assertEnds(call(kept.backend), kind);
    await assertBreaks(kept, new RegExp(`: ${method} did not answer within 10 s$`));
  };
  await Promise.all([
    trial("head:hangs", CALLS.head, "unavailable"),
    trial("head:spins", CALLS.head, "unavailable"),
    trial("append:hangs", (backend) => backend.append(batchAt(standing, PUT)), "indeterminate"),
  ]);
});
