/** The measurement, small, so that it does not rot. */

import assert from "node:assert/strict";
import { measure } from "./measure.ts";
import { isRedisMissing } from "./redis_case.ts";

Deno.test({
  name: "redis: the measurement beside SQLite makes its table",
  ignore: isRedisMissing,
  async fn() {
    const lines = (await measure({ rounds: 1, roundMs: 50 })).trimEnd().split("\n");
    assert.equal(lines.length, 4);
    for (const line of lines.slice(1)) {
      assert.match(line, /^\| (SQLite|Redis, .*) \| \d+ \(\d+\.\d\d\) \| \d+ \(\d+\.\d\d\) \|$/);
    }
  },
});
