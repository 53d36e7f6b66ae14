/** Logs unary calls that take long, as etcd does for `--warning-unary-request-duration`. Neither keys nor values are told. */

import type { CallContext, Method, MethodTable, UnaryHandler } from "../transport/call.ts";

export interface SlowCallOptions {
  /** Calls that take longer are logged; 0 for none. */
  readonly thresholdMs: number;
  /** Milliseconds, for measuring only. */
  readonly now: () => number;
  readonly log: (level: "warn", message: string, fields: Record<string, unknown>) => void;
}

/** Lines a second; when all calls are slow, the log must not make them slower. Further ones are counted. */
const LINES_PER_SECOND_MAX = 100;

/** The methods, with the unary ones watched. What they answer, and when, does not change. */
export function withSlowCallsLogged(
  methods: Iterable<readonly [path: string, method: Method]>,
  options: SlowCallOptions,
): MethodTable {
  const { thresholdMs, now } = options;
  if (thresholdMs === 0) return new Map(methods);
  const report = createReporter(options);
  function watched(path: string, handle: UnaryHandler): UnaryHandler {
    return (request, context) => {
      const startMs = now();
      const answer = handle(request, context);
      if (!(answer instanceof Promise)) return answer;
      const finish = () => {
        const spentMs = now() - startMs;
        if (spentMs > thresholdMs) report({ path, spentMs, request, context });
      };
      // On the side: the answer itself waits for nothing.
      answer.then(finish, finish);
      return answer;
    };
  }
  return new Map(
    Array.from(methods, ([path, method]) => [
      path,
      method.kind === "unary" ? { ...method, handle: watched(path, method.handle) } : method,
    ]),
  );
}

interface SlowCall {
  readonly path: string;
  readonly spentMs: number;
  readonly request: Uint8Array;
  readonly context: CallContext;
}

/** With etcd's names of message and fields. */
function createReporter({ now, log }: SlowCallOptions): (call: SlowCall) => void {
  let secondMs = -Infinity;
  let lines = 0;
  let leftOut = 0;
  return ({ path, spentMs, request, context }) => {
    if (now() - secondMs >= 1_000) {
      secondMs = now();
      lines = 0;
    }
    if (++lines > LINES_PER_SECOND_MAX) {
      leftOut++;
      return;
    }
    log("warn", "request stats", {
      "time spent": `${Math.round(spentMs * 1_000) / 1_000}ms`,
      "remote": context.peer,
      "response type": path,
      "request size": request.byteLength,
      ...(leftOut === 0 ? {} : { "lines left out": leftOut }),
    });
    leftOut = 0;
  };
}
