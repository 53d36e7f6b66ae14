// A program on Node that uses etcd, here with the npm client etcd3, against a Rhino that it starts itself.
//
//     npm install etcd3@1.1.2
//     node main.mjs /path/to/rhino

import { Etcd3 } from "etcd3";
import { startRhino } from "./start_rhino.mjs";

const rhino = await startRhino({ checkout: process.argv[2] });
const client = new Etcd3({ hosts: rhino.address });
await client.put("greeting").value("hello from Node");
process.stdout.write(`${await client.get("greeting")}\n`);
client.close();
await rhino.stop();
