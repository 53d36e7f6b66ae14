/**
 * For the tests of programs that use etcd: a server in the same process, whose clock, failures and compactions the test
 * controls.
 */
export { startTestServer, type TestServer, type TestServerOptions } from "./library/test_server.ts";
