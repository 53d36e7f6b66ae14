// `testEtcdctl`: one fact about etcdctl, checked against every target of the run.

import { oracleTools, whyNoOracle } from "../support/oracle.ts";
import {
  serviceTest,
  type ServiceTestContext,
  type ServiceTestOptions,
} from "../support/service_case.ts";
import { Etcdctl } from "./etcdctl.ts";

const WHY_NO_ETCDCTL = await whyNoOracle();

export interface EtcdctlContext extends ServiceTestContext {
  /** etcdctl, pointed at the target. */
  readonly ctl: Etcdctl;
  /** What etcdctl was told is the endpoint. */
  readonly url: string;
}

export interface EtcdctlTestOptions extends ServiceTestOptions {
  /** Why the test does not run today, if it does not. */
  readonly ignored?: string | undefined;
}

type Run = (context: EtcdctlContext) => Promise<void>;

/** Registers a test, named as a fact (`put: …`), once for each target. */
export function testEtcdctl(name: string, run: Run): void;
export function testEtcdctl(name: string, options: EtcdctlTestOptions, run: Run): void;
export function testEtcdctl(
  name: string,
  ...rest: [run: Run] | [options: EtcdctlTestOptions, run: Run]
): void {
  const [options, run] = rest.length === 1 ? [{}, rest[0]] : rest;
  const why = options.ignored ?? WHY_NO_ETCDCTL;
  if (why !== undefined) {
    Deno.test({ name: `etcdctl ${name} (ignored: ${why})`, ignore: true, fn() {} });
    return;
  }
  serviceTest(`etcdctl ${name}`, options, async (context) => {
    const { etcdctl } = await oracleTools();
    const url = `http://${context.endpoint.address}`;
    await run({ ...context, url, ctl: new Etcdctl(etcdctl, url) });
  });
}
