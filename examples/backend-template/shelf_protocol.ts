/** What goes between a Shelf server and its client, as JSON. A key has one character for each byte; a value is base64. */

export interface Scan {
  readonly start: string;
  /** Exclusive; `null` for no upper bound. */
  readonly end: string | null;
  readonly limit: number;
  /** The scan may end once its values reach this. */
  readonly bytesMax?: number;
  readonly reverse?: boolean;
  /** Values come empty. */
  readonly keysOnly?: boolean;
}

export interface ReadRequest {
  /** The snapshot to read; `null` for the newest. */
  readonly version: number | null;
  readonly scans: readonly Scan[];
}

export interface ScanResult {
  readonly entries: readonly (readonly [key: string, value: string])[];
  /** Whether the interval holds more. */
  readonly more: boolean;
}

export interface ReadResponse {
  readonly version: number;
  /** By the server's clock. */
  readonly nowMs: number;
  /** One for each scan. */
  readonly results: readonly ScanResult[];
}

export interface CommitRequest {
  /** What must be there, or not be there (`null`), for the commit to be done. */
  readonly checks: readonly (readonly [key: string, value: string | null])[];
  /** `null` deletes. */
  readonly writes: readonly (readonly [key: string, value: string | null])[];
}
