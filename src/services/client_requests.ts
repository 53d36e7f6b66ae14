/** Requests by what clients say their version is; for metrics. */

/** Clients can say anything, and each other thing they say would be kept for good; the rest is counted as one. */
export const CLIENT_VERSIONS_MAX = 32;
/** Longer ones are none. */
const VERSION_LENGTH_MAX = 32;

/** What etcd calls a client that does not say. */
const UNKNOWN = "unknown";
const OTHER = "other";

export type RequestType = "unary" | "stream";

export interface VersionCount {
  readonly version: string;
  readonly unary: number;
  readonly stream: number;
}

export class ClientRequests {
  readonly #byVersion = new Map<string, { unary: number; stream: number }>();

  count(type: RequestType, version: string = UNKNOWN): void {
    const counts = this.#byVersion.get(version) ?? this.#add(version);
    counts[type]++;
  }

  *[Symbol.iterator](): IterableIterator<VersionCount> {
    for (const [version, counts] of this.#byVersion) yield { version, ...counts };
  }

  #add(version: string): { unary: number; stream: number } {
    const isKept = version.length <= VERSION_LENGTH_MAX &&
      this.#byVersion.size < CLIENT_VERSIONS_MAX;
    const name = isKept ? version : OTHER;
    let counts = this.#byVersion.get(name);
    if (counts === undefined) {
      counts = { unary: 0, stream: 0 };
      this.#byVersion.set(name, counts);
    }
    return counts;
  }
}
