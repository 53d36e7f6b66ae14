/** All of etcd's services on one connection. */

import { Auth } from "../../gen/etcdserverpb/auth_pb.ts";
import { Cluster } from "../../gen/etcdserverpb/cluster_pb.ts";
import { KV } from "../../gen/etcdserverpb/kv_pb.ts";
import { Lease } from "../../gen/etcdserverpb/lease_pb.ts";
import { Maintenance } from "../../gen/etcdserverpb/maintenance_pb.ts";
import { Watch } from "../../gen/etcdserverpb/watch_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { Election } from "../../gen/v3electionpb/election_pb.ts";
import { Lock } from "../../gen/v3lockpb/lock_pb.ts";
import { GrpcConnection, type ServiceClient } from "./grpc_client.ts";

export class EtcdClient {
  /** For raw calls. */
  readonly connection: GrpcConnection;
  readonly kv: ServiceClient<typeof KV>;
  readonly watch: ServiceClient<typeof Watch>;
  readonly lease: ServiceClient<typeof Lease>;
  readonly cluster: ServiceClient<typeof Cluster>;
  readonly maintenance: ServiceClient<typeof Maintenance>;
  readonly auth: ServiceClient<typeof Auth>;
  readonly lock: ServiceClient<typeof Lock>;
  readonly election: ServiceClient<typeof Election>;
  readonly health: ServiceClient<typeof Health>;

  constructor(address: string) {
    this.connection = new GrpcConnection(address);
    this.kv = this.connection.service(KV);
    this.watch = this.connection.service(Watch);
    this.lease = this.connection.service(Lease);
    this.cluster = this.connection.service(Cluster);
    this.maintenance = this.connection.service(Maintenance);
    this.auth = this.connection.service(Auth);
    this.lock = this.connection.service(Lock);
    this.election = this.connection.service(Election);
    this.health = this.connection.service(Health);
  }

  close(): void {
    this.connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
